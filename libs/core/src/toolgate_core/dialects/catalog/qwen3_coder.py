"""`qwen3_coder`: one element per call and per argument, without quotes and without escaping.

```
<tool_call>
<function=F>
<parameter=K>
V
</parameter>
</function>
</tool_call>
```
One line break on each side of a value is layout. Strings are not escaped, everything else is JSON or Python by the
schema. The wrapper may be missing, and so may closing tags. Tags with quotes, with `name=` or with the names of other
families (`<invoke name="F">`, `<param name="K">`) occur and mean the same.
Source: Qwen3-Coder's chat template. vLLM reads it with `--tool-call-parser qwen3_coder` or `qwen3_xml`.
"""

from __future__ import annotations

from collections.abc import Sequence

from toolgate_core.dialects.base import Dialect, TaggedGrammar, WrittenCall
from toolgate_core.dialects.patterns import ANY_ATTRIBUTES, ATTRIBUTES, bare_tag, close_tag
from toolgate_core.dialects.tagging import as_python_text, lines, tagged_or_json
from toolgate_core.dialects.writing import result_between, standard_writer

_ASSIGNED = r"""\s{0,8}(?:=\s{0,8}(?:parameter=|function=)?|\sname\s{0,8}=\s{0,8})["']?\s{0,8}"""
_END = rf"""\s{{0,8}}["']?\s{{0,8}}{ATTRIBUTES}>"""
_NAME = rf"""(?P<name>[^\s"'<>=/]{{1,256}})(?:<\|[^<>]{{0,64}}>[^<>]{{0,64}})?{_END}"""
_KEY = rf"""(?P<key>[^\s"'<>/]{{1,256}}){_END}"""
CALL = rf"<\s{{0,4}}function{_ASSIGNED}{_NAME}"
PARAMETER = (
    rf"<\s{{0,4}}(?:parameter|param){_ASSIGNED}{_KEY}"
    r"|<(?:parameter|param)>\s{0,8}(?P<key>[\w.\-]{1,64})\s{0,8}(?:=|</(?:parameter|param)>)"
    rf"|<(?:parameter|param)(?=[\s/]){ATTRIBUTES}>|<(?:parameter|param)>(?=\s{{0,16}}</(?:parameter|param)>)"
)
CALL_CLOSE = close_tag("function")
PARAMETER_CLOSE = close_tag("parameter|param")


def loose(section: str) -> TaggedGrammar:
    """Return the grammar of the ways in which models miss the form, all of them inside the tag `section`."""
    tag = rf"<{section}{ANY_ATTRIBUTES}>\s{{0,16}}"
    return TaggedGrammar(
        tags=(section,),
        close_tags=(section,),
        call=rf"{tag}(?:function\s{{0,4}}=\s{{0,4}}{_NAME}|<function>\s{{0,8}}(?P<name>[^\s<>]{{1,256}})\s{{0,8}}</function>"
        rf"|<(?:call|tool|invoke){_ASSIGNED}{_NAME}|(?P<name>[^\s<>{{}}\[\]()=,:\"']{{1,256}})\s{{0,16}}(?=<parameter))",
        call_close=rf"</(?:function|call|tool|invoke|{section})>",
        parameter=PARAMETER,
        parameter_close=PARAMETER_CLOSE,
        trim="line",
        property_tags=True,
        bare_name=True,
    )


GRAMMAR = TaggedGrammar(
    tags=("tool_call",),
    tokens=("<function=", "<function ="),
    close_tags=("tool_call", "function", "parameter"),
    section=bare_tag("tool_call"),
    section_close=close_tag("tool_call"),
    call=CALL,
    call_close=CALL_CLOSE,
    parameter=PARAMETER,
    parameter_close=PARAMETER_CLOSE,
    trim="line",
    property_tags=True,
)
LOOSE = loose("tool_call")


INTRO = "# Tools\n\nYou have access to the following functions:\n"
FORM = "If you choose to call a function, reply in the following format, with nothing behind it:"
NOTE = (
    "Strings stand as they are, over several lines if need be, without quotes or escapes; lists and objects are JSON. "
    "Several calls are several <tool_call> blocks. Results come back in <tool_response> blocks."
)


def _element(key: str, text: str) -> str:
    return f"<parameter={key}>{lines(text)}</parameter>\n"


def _call(call: WrittenCall) -> str:
    arguments = tagged_or_json(call, GRAMMAR, _element, to_text=as_python_text)
    return f"<tool_call>\n<function={call.name}>\n{arguments}</function>\n</tool_call>"


def render_calls(calls: Sequence[WrittenCall]) -> str:
    """Return one block per call; arguments that can't be between tags are one JSON object."""
    return "\n".join(map(_call, calls))


QWEN3_CODER = Dialect(
    name="qwen3_coder",
    models="Qwen3-Coder, Qwen 3.5 and later, Step 3.5 and 3.7, Nemotron 3, MiMo V2, K-EXAONE 2, UI-TARS",
    grammars=(GRAMMAR, LOOSE),
    writer=standard_writer(
        render_calls,
        intro=INTRO,
        form=FORM,
        note=NOTE,
        result=result_between("<tool_response>\n", "\n</tool_response>"),
    ),
    ends=("<|im_end|>", "<|endoftext|>"),
    aliases=("qwen3_xml", "step3p5", "nemotron_v3", "k_exaone", "ui_tars", "mimo_v2"),
)
