"""Where a `$ref` leads. Only JSON pointers into the same schema (`#`, `#/…`) are followed, by anyone."""

from __future__ import annotations

from urllib.parse import unquote

from toolgate_core.jsontext import JsonObject, JsonValue


def follow(ref: JsonValue, root: JsonObject) -> JsonValue:
    """Return the schema that `ref` names in `root`; None when it names none."""
    if not isinstance(ref, str) or not is_local(ref):
        return None
    node: JsonValue = root
    for step in pointer(ref):
        if isinstance(node, dict):
            node = node.get(step)
        elif isinstance(node, list) and step.isdecimal() and int(step) < len(node):
            node = node[int(step)]
        else:
            return None
    return node


def is_local(ref: str) -> bool:
    """Whether `ref` is a JSON pointer into the schema that it stands in."""
    return ref == "#" or ref.startswith("#/")


def pointer(ref: str) -> list[str]:
    """Return the unescaped steps of a local `ref`."""
    return [unquote(step).replace("~1", "/").replace("~0", "~") for step in ref.split("/")[1:]]
