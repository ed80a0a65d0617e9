"""Label and field selectors, as in the query of a list and as in a spec."""

import re

_TERM = re.compile(r"\s*(!?)\s*([\w./-]+)\s*(?:(==|=|!=)\s*([\w./:-]*)|\s(in|notin)\s*\(([^)]*)\))?\s*(?:,|$)")


def parse_labels(text):
    """A test of a label dictionary; raises ValueError for text that is no selector."""
    terms, position = [], 0
    while position < len(text):
        match = _TERM.match(text, position)
        if match is None or match.end() == position:
            raise ValueError(f"unable to parse requirement: {text}")
        absent, key, sign, value, word, values = match.groups()
        if sign:
            terms.append((key, "NotIn" if sign == "!=" else "In", [value]))
        elif word:
            terms.append((key, "In" if word == "in" else "NotIn", [item.strip() for item in values.split(",")]))
        else:
            terms.append((key, "DoesNotExist" if absent else "Exists", []))
        position = match.end()
    return lambda labels: all(_holds(labels, *term) for term in terms)


def _holds(labels, key, operator, values):
    if operator == "In":
        return labels.get(key) in values
    if operator == "NotIn":
        return labels.get(key) not in values
    return (key in labels) == (operator == "Exists")


def matches(selector, labels):
    """A LabelSelector (matchLabels, matchExpressions); an empty one matches everything."""
    selector = selector or {}
    return all(labels.get(key) == value for key, value in (selector.get("matchLabels") or {}).items()) and all(
        _holds(labels, term["key"], term["operator"], term.get("values") or [])
        for term in selector.get("matchExpressions") or [])


def node_terms(required, node):
    """requiredDuringSchedulingIgnoredDuringExecution of a node affinity: any of the terms."""
    labels, fields = node["metadata"].get("labels", {}), {"metadata.name": node["metadata"]["name"]}
    return any(
        all(_holds(labels, term["key"], term["operator"], term.get("values") or [])
            for term in option.get("matchExpressions") or [])
        and all(_holds(fields, term["key"], term["operator"], term.get("values") or [])
                for term in option.get("matchFields") or [])
        for option in required.get("nodeSelectorTerms") or [])


def parse_fields(text):
    """A test of an object by dotted paths."""
    terms = []
    for part in filter(None, text.split(",")):
        path, sign, value = re.match(r"([\w.]+)(==|=|!=)(.*)$", part).groups()
        terms.append((path.split("."), sign == "!=", value))

    def test(item):
        for path, negative, value in terms:
            found = item
            for name in path:
                found = (found or {}).get(name) if isinstance(found, dict) else None
            if ((found or "") == value) == negative:
                return False
        return True

    return test
