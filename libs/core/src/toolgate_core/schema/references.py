"""Follow a `$ref`. Only JSON pointers (RFC 6901) into the same schema (`#`, `#/…`) are followed.

References into other documents are never followed: nothing is fetched for a client's schema. A reference to nothing
yields None here; `weigh` refuses it when the tools arrive. Cost: one step for each part of the pointer, which has at
most `MAX_REFERENCE` characters.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from toolgate_core.jsontext import JsonObject, JsonValue
from toolgate_core.limits import MAX_REFERENCE

# RFC 6901, section 4: no leading zeros. Nine digits bound the conversion to an integer.
_INDEX = re.compile(r"(?:0|[1-9][0-9]{0,8})\Z")


def follow(ref: JsonValue, root: JsonObject) -> JsonValue:
    """Return the schema that `ref` names in `root`; None where there is none."""
    if not isinstance(ref, str) or len(ref) > MAX_REFERENCE or not is_local(ref):
        return None
    node: JsonValue = root
    for step in pointer(ref):
        if isinstance(node, dict):
            node = node.get(step)
        elif isinstance(node, list) and _INDEX.match(step) and int(step) < len(node):
            node = node[int(step)]
        else:
            return None
    return node


def is_local(ref: str) -> bool:
    """Whether `ref` is a JSON pointer into its own schema."""
    return ref == "#" or ref.startswith("#/")


def pointer(ref: str) -> list[str]:
    """Return the unescaped steps of a local `ref`."""
    # A pointer in a URI fragment is percent-encoded (RFC 6901, section 6); `~1` comes before `~0` (section 4).
    return [unquote(step).replace("~1", "/").replace("~0", "~") for step in ref.split("/")[1:]]
