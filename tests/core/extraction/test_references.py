"""Schemas that refer to their own parts say the types of values, too."""

from toolgate_core.jsontext import JsonObject
from toolgate_core.schema import Toolset
from toolgate_core.types.requests import ToolDefinition

from tests.core.dialects.reading import events, plan, read

MARK = "]<]minimax[>["
PARAMETERS: JsonObject = {
    "type": "object",
    "properties": {"where": {"$ref": "#/$defs/place"}},
    "$defs": {"place": {"type": "object", "properties": {"lat": {"type": "integer"}}}},
}


def test_elements_follow_references():
    toolset = Toolset.compile((ToolDefinition("go", "", PARAMETERS),))
    text = f'{MARK}<invoke name="go">{MARK}<where>{MARK}<lat>5{MARK}</lat>{MARK}</where>{MARK}</invoke>'
    assert read(events(plan("minimax_m3"), [text], "stop", toolset)).calls == [["go", {"where": {"lat": 5}}]]
