#!/usr/bin/env python3
"""Writes Sources/Inventory/Known/K3sFlags.swift and CiliumValuePaths.swift from upstream's schemas.

    scripts/known-keys.py SCHEMAS           write both files
    scripts/known-keys.py SCHEMAS --check   exit 1 if a file differs from what would be written

SCHEMAS is a folder with k3s/{server,agent}-flags.json and cilium-helm/{values.yaml,values.schema.json,
template-value-paths.json}. Only names and types are taken. Python's standard library is all it needs.
"""
import json
import pathlib
import re
import sys
import textwrap

ROOT = pathlib.Path(__file__).resolve().parent.parent
KNOWN = ROOT / "Sources/Inventory/Known"
# Maps whose keys are the user's own, wherever they stand in the chart.
FREE_NAMES = {
    "affinity", "annotations", "commonLabels", "extraConfig", "labels", "matchLabels", "nodeSelector", "podAnnotations",
    "podLabels", "resources", "securityContext", "podSecurityContext", "tolerations", "serviceAnnotations",
}
# Words in comments of values.yaml that look like keys and are none.
PROSE = {"type", "enum", "ref", "Ref", "See", "minimum", "maximum", "WARNING", "Note", "NOTE", "Example", "http", "https"}


def k3s(schemas):
    flags = {}
    for role in ("server", "agent"):
        for flag in json.loads((schemas / f"k3s/{role}-flags.json").read_text()):
            flags.setdefault(flag["name"], (flag["type"], set()))[1].add(role)
    lines = [f"{name} {kind} {'+'.join(sorted(roles))}" for name, (kind, roles) in sorted(flags.items())]
    return source(
        "K3sFlags", "flags", lines,
        "Every flag of `k3s server` and `k3s agent` of K3s 1.35 (pkg/cli/cmds): name, type, and who has it.")


def cilium(schemas):
    folder = schemas / "cilium-helm"
    tree = {}
    from_schema(json.loads((folder / "values.schema.json").read_text()), tree)
    for path in json.loads((folder / "template-value-paths.json").read_text())["valuePathsReferencedByTemplates"]:
        steps = path.split(".")
        if "AsMap" not in steps:
            add(tree, steps)
    from_comments((folder / "values.yaml").read_text(), tree)
    version = re.search(r"^version: (\S+)", (folder / "Chart.yaml").read_text(), re.M).group(1)
    words = written(tree)
    return source(
        "CiliumValuePaths", "tree", textwrap.wrap(words, 108, break_long_words=False, break_on_hyphens=False),
        f"The values of Cilium's chart {version} as a tree: `name(child child)`; below `name*` and leaves all is free.",
        f'\n    static let chartVersion = "{version}"')


def add(tree, steps):
    for step in steps:
        if not re.fullmatch(r"[A-Za-z0-9_-]+", step) or tree.get("*"):
            return
        tree = tree.setdefault(step, {})


def from_schema(schema, tree):
    for name, value in schema.get("properties", {}).items():
        if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
            tree["*"] = {"free": {}}
            continue
        child = tree.setdefault(name, {})
        kinds = value.get("type", [])
        kinds = [kinds] if isinstance(kinds, str) else kinds
        if name in FREE_NAMES or ("object" in kinds and not value.get("properties")):
            child["*"] = {"free": {}}
        from_schema(value, child)


def from_comments(text, tree):
    """Adds every key of values.yaml, commented ones too, under the last key that is indented less."""
    stack = []
    for line in text.splitlines():
        match = re.match(r"^( *)(# ?)?( *)([A-Za-z0-9]+):( |$)", line)
        if not match:
            continue
        indentation, comment, inner, name, _ = match.groups()
        if comment and (name in PROSE or len(inner) > 4 or re.search(r"[.,] |\.$", line)):
            continue
        depth = len(indentation) + (len(inner) if comment else 0)
        while stack and stack[-1][0] >= depth:
            stack.pop()
        if not comment or not stack or depth > stack[-1][0]:
            steps = [step for _, step in stack] + [name]
            add(tree, steps)
            stack.append((depth, name))


def written(tree):
    words = []
    for name in sorted(key for key in tree if key != "*"):
        child = tree[name]
        if child.get("*"):
            words.append(name + "*")
        elif child:
            words.append(f"{name}( {written(child)} )")
        else:
            words.append(name)
    return " ".join(words)


def source(name, variable, lines, sentence, more=""):
    body = "\n".join("        " + line for line in lines)
    return (
        f"// Written by scripts/known-keys.py; do not edit.\n\n/// {sentence}\nenum {name} {{{more}\n"
        f'    static let {variable} = """\n{body}\n        """\n}}\n')


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    schemas = pathlib.Path(sys.argv[1])
    differs = False
    for name, text in (("K3sFlags", k3s(schemas)), ("CiliumValuePaths", cilium(schemas))):
        path = KNOWN / f"{name}.swift"
        if "--check" in sys.argv:
            if not path.exists() or path.read_text() != text:
                print(f"{path.relative_to(ROOT)} differs; run scripts/known-keys.py {sys.argv[1]}")
                differs = True
        else:
            path.write_text(text)
    sys.exit(1 if differs else 0)


main()
