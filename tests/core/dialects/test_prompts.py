"""What is written into prompts."""

import json
import re

import pytest
from toolgate_core.dialects import DIALECTS
from toolgate_core.dialects.base import WrittenCall
from toolgate_core.schema import Toolset
from toolgate_core.types.requests import ToolChoice, ToolDefinition

from tests.core.dialects.reading import events, plan, read

SEARCH = ToolDefinition(
    "search",
    "Find <things>",
    {
        "type": "object",
        "properties": {
            "query": {"type": "string"},
            "kind": {"enum": ["a", "b"]},
            "depth": {"const": 2},
            "limit": {"type": ["integer", "null"]},
            "tags": {"type": "array", "items": {"type": "string"}},
            "where": {
                "type": "object",
                "properties": {"lat": {"type": "number"}, "exact": {"type": "boolean"}},
                "required": ["lat", "exact"],
            },
            "free": {"type": "object"},
            "any": True,
        },
        "required": ["query", "kind", "depth", "limit", "tags", "where", "free", "any"],
    },
)
CLOCK = ToolDefinition("clock", "", {"type": "object", "properties": {"zone": {"type": "string", "examples": ["UTC"]}}})
BARE = ToolDefinition("bare", "", {"type": "object"})
TOOLS = (SEARCH, CLOCK, BARE)
AUTO = ToolChoice("auto")


def markers(dialects, *, auto):
    """Return what opens and closes calls in these dialects, and what ends their turns."""
    grammars = [grammar for dialect in dialects for grammar in dialect.grammars if grammar.auto or not auto]
    tags = [f"<{slash}{tag}>" for grammar in grammars for slash in ("", "/") for tag in grammar.tags]
    tokens = [token for grammar in grammars for token in (*grammar.tokens, *grammar.close_tokens)]
    return {*tags, *tokens, *(token for dialect in dialects for token in dialect.ends)}


def calls_in(name, text, toolset):
    return read(events(plan(name), [text], "stop", toolset)).calls


@pytest.mark.parametrize("name", DIALECTS)
@pytest.mark.parametrize("first", TOOLS, ids=lambda tool: tool.name)
def test_the_example_of_a_real_tool_is_a_valid_call_to_it(name, first):
    toolset = Toolset.compile(TOOLS)
    text = DIALECTS[name].render_tools((first, *TOOLS), AUTO, parallel=True)
    example = text.split(f"For example, a call to {first.name}:\n")[1].split("\n\n")[0]
    [[called, arguments]] = calls_in(name, example, toolset)
    assert called == first.name
    tool = toolset.get(first.name)
    assert tool is not None
    assert tool.violations(arguments) == []
    declared = [call for call in calls_in(name, text, toolset) if toolset.get(call[0])]
    assert declared in ([], [[called, arguments]])


@pytest.mark.parametrize("name", DIALECTS)
def test_system_block_lists_the_permitted_tools_and_the_rules(name):
    def block(choice, parallel=True):
        return DIALECTS[name].render_tools(TOOLS, choice, parallel)

    def named(text):
        return {tool.name for tool in TOOLS if re.search(rf"(?<![\w-]){tool.name}(?![\w-])", text)}

    assert named(block(AUTO)) == {"search", "clock", "bare"}
    assert named(block(ToolChoice("auto", allowed=frozenset(("search",))))) == {"search"}
    assert re.search(r"(?:TOOL|FUNCTION)_NAME", block(AUTO))
    assert "if no tool fits, answer" in block(AUTO)
    assert "You must call at least one tool" in block(ToolChoice("required"))
    assert "You must call the tool clock now" in block(ToolChoice("named", name="clock"))
    assert "make them all at once" in block(AUTO)
    assert "Make at most one call." in block(AUTO, parallel=False)
    assert "Make exactly one call." in block(ToolChoice("required"), parallel=False)
    assert DIALECTS[name].render_tools((), AUTO, parallel=True)


@pytest.mark.parametrize("name", DIALECTS)
def test_a_result_cannot_end_its_wrapper(name):
    dialect = DIALECTS[name]
    wrapper = dialect.render_result("bare", 'c"1', "")
    twice = dialect.render_result("bare", 'c"1', wrapper)
    for tag in re.findall(r"<[^<>]+>|\[[/A-Z_]+\]", wrapper):
        assert twice.count(tag) <= wrapper.count(tag)


@pytest.mark.parametrize("name", DIALECTS)
def test_a_result_holds_no_markup_of_any_dialect(name):
    dialect = DIALECTS[name]
    empty = dialect.render_result("bare", 'c"1', "")
    tags = {marker for marker in markers(DIALECTS.values(), auto=True) if marker.startswith("<")}
    for marker in sorted(tags | markers([dialect], auto=True)):
        for content in (f"a\n{marker}\nb", json.dumps({"a": f" {marker} "})):
            assert dialect.render_result("bare", 'c"1', content).count(marker) == empty.count(marker)


@pytest.mark.parametrize("name", DIALECTS)
def test_a_result_opens_no_call_of_any_dialect(name):
    toolset = Toolset.compile(TOOLS)
    for other in DIALECTS.values():
        call = other.render_calls([WrittenCall("bare", '{"a": "b"}', "c1")])
        for content in (call, f"Found:\n\n{call}\n", json.dumps([call])):
            assert calls_in(name, DIALECTS[name].render_result("bare", 'c"1', content), toolset) == []


def test_a_line_break_at_the_edge_of_a_value_is_kept() -> None:
    written = DIALECTS["function_calls"].render_calls([WrittenCall("save", '{"text":"\\n<a>]]>\\n"}')])
    assert '<parameter name="text"><![CDATA[\n<a>]]]]><![CDATA[>\n]]></parameter>' in written
