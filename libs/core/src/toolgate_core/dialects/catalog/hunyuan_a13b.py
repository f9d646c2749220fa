"""`hunyuan_a13b`: an array of envelopes in `<tool_calls>`; reasoning and answers are wrapped.

```
<think>…</think>
<answer>
<tool_calls>[{"name": "F", "arguments": {…}}]</tool_calls>
</answer>
```
vLLM reads it with `--tool-call-parser hunyuan_a13b`.
"""

from __future__ import annotations

from toolgate_core.dialects.base import Dialect, NamedGrammar
from toolgate_core.dialects.catalog import jamba
from toolgate_core.dialects.writing import definition_list, result_between, standard_writer

DENSE = NamedGrammar(
    tags=("tool_calls", "tool_call"),
    close_tags=("tool_call",),
    call=r"(?:<tool_calls>\s{0,16})?<tool_call>\s{0,16}(?P<name>[^\s<>{}`]{1,256})\s{0,16}```(?:json)?\s{0,16}(?=\{)",
    close=r"(?:```\s*)?</tool_call>",
)

INTRO = (
    "你是一位函数组合专家。你会得到一个问题和一组可能的函数。根据问题，你需要进行一个或多个函数/工具调用以实现目的。\n"
    "以下是你可以调用的函数列表，格式为JSON。\n"
)

HUNYUAN_A13B = Dialect(
    name="hunyuan_a13b",
    models="Hunyuan A13B, Hunyuan dense models",
    grammars=(jamba.GRAMMAR, DENSE),
    writer=standard_writer(
        jamba.render_array,
        intro=INTRO,
        definitions=definition_list,
        form="如果你决定调用任何函数，你必须将其格式化为:",
        result=result_between("<tool_response>", "</tool_response>"),
    ),
    wrappers=("<answer>", "</answer>"),
    start_patterns=("助手：",),
    ends=("<|eos|>", "<|extra_0|>"),
)
