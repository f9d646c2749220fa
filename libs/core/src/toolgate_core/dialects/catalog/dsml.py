"""`dsml`: one element per call and per argument, every tag with the token `｜DSML｜` in it.

```
<｜DSML｜tool_calls>
<｜DSML｜invoke name="F">
<｜DSML｜parameter name="K" string="true">V</｜DSML｜parameter>
</｜DSML｜invoke>
</｜DSML｜tool_calls>
```
The section is `function_calls` in V3.2, `tool_calls` in V4 and ` calls` in V4.1, where all tags have that space. Where
`string` is true the value is raw, otherwise JSON. The token may be lost from single tags.
vLLM reads the three versions with `--tool-call-parser deepseek_v32`, `deepseek_v4` and `deepseek_v41`.
"""

from __future__ import annotations

from collections.abc import Sequence

from toolgate_core.dialects.base import Dialect, TaggedGrammar, WrittenCall
from toolgate_core.dialects.patterns import ATTRIBUTES
from toolgate_core.dialects.tagging import tagged_or_json
from toolgate_core.dialects.writing import argument_items, definition_lines, result_between, standard_writer

TOKEN = "｜DSML｜"
MARK = r"(?:[｜|‖]{1,2}\s?DSML\s?[｜|‖]{1,2}\s?)"
_SECTIONS = r"(?:function_calls|tool_calls|toolcalls|calls|tool_use|tool_call)"


def tagged(mark: str, tokens: tuple[str, ...], close_tokens: tuple[str, ...]) -> TaggedGrammar:
    """Return the grammar with `mark`, a pattern, in its tags."""
    return TaggedGrammar(
        tokens=tokens,
        close_tokens=close_tokens,
        special=True,
        section=rf"<{mark}(?!invoke|parameter)\w{{1,32}}\s{{0,8}}>",
        section_close=rf"</{mark}(?!invoke|parameter)\w{{1,32}}\s{{0,8}}>",
        call=rf"<{mark}?invoke{ATTRIBUTES}>",
        call_close=rf"</{mark}?invoke\s{{0,8}}>",
        parameter=rf"<{mark}?parameter{ATTRIBUTES}>",
        parameter_close=rf"</{mark}?parameter\s{{0,8}}>",
        kind_attribute="string",
        trim="none",
    )


_BARS = ("｜", "|", "｜｜", "‖", "||")
_OPENS = (*(f"<{bar}DSML{bar}" for bar in _BARS), "< | DSML |")
_NAMES = (
    *("function_calls", "tool_calls", "toolcalls", "calls", "invoke", "parameter"),
    *(" calls", " invoke", " parameter"),
)
GRAMMAR = tagged(MARK, _OPENS, tuple(f"</{bar}DSML{bar}{name}>" for bar in _BARS for name in _NAMES))


INTRO = (
    "## Tools\n\nYou have access to a set of tools to help answer the user's question.\n\n### Available Tool Schemas\n"
)
FORM = f'You can invoke tools by writing a "<{TOKEN}tool_calls>" block like the following as part of your reply:'
NOTE = (
    'String parameters are specified as they are, without escaping or quotes, and with string="true". All other types '
    '(numbers, booleans, arrays, objects) are passed as JSON, with string="false". One block may hold several invokes. '
    "You must strictly follow the tool names and parameter schemas defined above. "
    "Results come back in <tool_result> blocks, in the order of the calls."
)


def _call(call: WrittenCall) -> str:
    strings = {key for key, value in argument_items(call.arguments) if isinstance(value, str)}

    def element(key: str, text: str) -> str:
        raw = "true" if key in strings else "false"
        return f'<{TOKEN}parameter name="{key}" string="{raw}">{text}</{TOKEN}parameter>\n'

    arguments = tagged_or_json(call, GRAMMAR, element) or "\n"
    return f'<{TOKEN}invoke name="{call.name}">\n{arguments}</{TOKEN}invoke>\n'


def render_calls(calls: Sequence[WrittenCall]) -> str:
    """Return one section with all calls; arguments that can't be between tags are one JSON object."""
    return f"<{TOKEN}tool_calls>\n{''.join(map(_call, calls))}</{TOKEN}tool_calls>"


DSML = Dialect(
    name="dsml",
    models="DeepSeek V3.2, V4 and V4.1",
    grammars=(GRAMMAR,),
    writer=standard_writer(
        render_calls,
        intro=INTRO,
        definitions=definition_lines,
        form=FORM,
        note=NOTE,
        result=result_between("<tool_result>", "</tool_result>"),
    ),
    ends=("<｜end▁of▁sentence｜>",),
    aliases=("deepseek_v32", "deepseek_v4", "deepseek_v41", "deepseekv32", "deepseekv4", "deepseekv41"),
)
