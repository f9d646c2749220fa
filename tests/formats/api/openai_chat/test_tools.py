"""The text of tools goes to servers in the form that they accept, as the client wrote it where that is the form."""

from __future__ import annotations

import pytest
from toolgate_core.jsontext import JsonValue
from toolgate_formats.api.openai_chat.tools import ToolsText, tools_text

BARE: JsonValue = {"type": "function", "function": {"name": "f", "description": None}}
FULL: JsonValue = {"type": "function", "function": {"name": "g", "parameters": {"type": "object"}}}
BARE_JSON = b'{"type":"function","function":{"name":"f","description":null}}'
BARE_SENT = b'{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{}}}}'
FULL_JSON = b'{"type":"function","function":{"name":"g","parameters":{"type":"object"}}}'


@pytest.mark.parametrize(
    ("value", "text", "expected"),
    [
        ([FULL], b"[ %b ]" % FULL_JSON, ToolsText([FULL], b"[%b]" % FULL_JSON, b"[ %b ]" % FULL_JSON)),
        ([FULL], b"", ToolsText([FULL], b"[%b]" % FULL_JSON, b"[%b]" % FULL_JSON)),
        ([BARE], b"[ %b ]" % BARE_JSON, ToolsText([BARE], b"[%b]" % BARE_JSON, b"[%b]" % BARE_SENT)),
        (
            [1, {"function": "f"}, BARE],
            b"",
            ToolsText(
                [1, {"function": "f"}, BARE],
                b'[1,{"function":"f"},%b]' % BARE_JSON,
                b'[1,{"function":"f"},%b]' % BARE_SENT,
            ),
        ),
        ("none", b"", ToolsText("none", b'"none"', b'"none"')),
    ],
    ids=["as it was", "without a text", "nulls and no parameters", "entries that are no tools", "no list"],
)
def test_only_tools_that_servers_refuse_are_written_again(value: JsonValue, text: bytes, expected: ToolsText) -> None:
    assert tools_text(value, text) == expected
