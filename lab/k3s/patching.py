"""The four kinds of patch: JSON, merge, strategic merge and server-side apply.

Strategic merge: lists of objects merge by the key that `$setElementOrder` tells, as kubectl sends it; lists that come
without one are replaced. Apply: lists are replaced as a whole; fields that the manager no longer names are removed.
"""

import copy


def merge(target, patch):
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


def json_patch(target, operations):
    """RFC 6902; raises ValueError where it does not fit."""
    document = copy.deepcopy(target)
    for operation in operations:
        *parents, last = [part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:]]
        place = document
        try:
            for part in parents:
                place = place[int(part) if isinstance(place, list) else part]
            index = last if isinstance(place, dict) else (len(place) if last == "-" else int(last))
            name = operation["op"]
            if name == "add" and isinstance(place, list):
                place.insert(index, operation["value"])
            elif name in ("add", "replace"):
                place[index] = operation["value"]
            elif name == "remove":
                del place[index]
            elif name == "test" and place[index] == operation["value"]:
                pass
            else:
                raise ValueError(f"cannot {name} at {operation['path']}")
        except (KeyError, IndexError, TypeError) as error:
            raise ValueError(f"the patch does not fit at {operation['path']}") from error
    return document


def strategic(target, patch):
    if patch.get("$patch") == "replace":
        return {key: value for key, value in patch.items() if key != "$patch"}
    result = dict(target) if isinstance(target, dict) else {}
    if "$retainKeys" in patch:
        result = {key: value for key, value in result.items() if key in patch["$retainKeys"]}
    for key, value in patch.items():
        if key.startswith("$deleteFromPrimitiveList/"):
            name = key.partition("/")[2]
            result[name] = [item for item in result.get(name, []) if item not in value]
        elif key.startswith("$"):
            continue
        elif value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            if value.get("$patch") == "delete":
                result.pop(key, None)
            else:
                result[key] = strategic(result.get(key), value)
        elif isinstance(value, list):
            result[key] = _merge_list(result.get(key), value, patch.get("$setElementOrder/" + key))
        else:
            result[key] = value
    return result


def _merge_list(current, patch, order):
    markers = [item for item in patch if isinstance(item, dict) and "$patch" in item]
    if not markers and order is None:
        return patch
    names = {name for item in (order or []) if isinstance(item, dict) for name in item}
    if order and not names:  # a list of plain values
        merged = [item for item in (current or []) if item not in patch] + patch
        return sorted(merged, key=lambda item: order.index(item) if item in order else len(order))
    if not names:
        names = {name for item in markers for name in item if name != "$patch"}

    def identity(item):
        return tuple(item.get(name) for name in sorted(names))

    result = {identity(item): item for item in (current or [])}
    for item in patch:
        key = identity(item)
        if item.get("$patch") == "delete":
            result.pop(key, None)
        else:
            result[key] = strategic(result.get(key), item)
    places = {identity(item): place for place, item in enumerate(order or [])}
    return sorted(result.values(), key=lambda item: places.get(identity(item), len(places)))


def fields_of(value):
    """The fields of an object in the form of managedFields: lists count as one field."""
    if not isinstance(value, dict):
        return {}
    return {"f:" + key: fields_of(item) for key, item in value.items()}


def _without(target, owned, wanted):
    """The target less the fields that were owned and are no longer wanted."""
    if not isinstance(target, dict) or not owned:
        return target
    result = {}
    for key, value in target.items():
        mark = "f:" + key
        if mark in owned and not (isinstance(wanted, dict) and key in wanted):
            if isinstance(value, dict) and owned[mark]:
                value = _without(value, owned[mark], {})
                if value:
                    result[key] = value
            continue
        result[key] = _without(value, owned.get(mark, {}), wanted.get(key) if isinstance(wanted, dict) else None)
    return result


def apply(target, wanted, manager):
    """The object after `kubectl apply --server-side`; `target` is None if there is none yet."""
    wanted = copy.deepcopy(wanted)
    wanted.get("metadata", {}).pop("managedFields", None)
    identity = ("apiVersion", "kind", "metadata")
    fields = fields_of({key: value for key, value in wanted.items() if key not in identity})
    fields["f:metadata"] = {
        "f:" + name: fields_of(wanted.get("metadata", {}).get(name, {})) for name in ("labels", "annotations")
        if wanted.get("metadata", {}).get(name)}
    managed = copy.deepcopy((target or {}).get("metadata", {}).get("managedFields", []))
    earlier = [entry for entry in managed if entry["manager"] == manager]
    result = target or {}
    if earlier:
        result = _without(result, earlier[0]["fieldsV1"], wanted)
    result = merge(result, wanted)
    entry = {"manager": manager, "operation": "Apply", "apiVersion": wanted.get("apiVersion"),
             "fieldsType": "FieldsV1", "fieldsV1": fields}
    metadata = dict(result.get("metadata", {}))
    metadata["managedFields"] = [other for other in managed if other["manager"] != manager] + [entry]
    return {**result, "metadata": metadata}
