"""The text forms in which a prompt can ask for calls: recognised by their marks in the prompt, and written."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from toolgate_simulator.jsonfind import dumps, find_json
from toolgate_simulator.values import Call

_WRITTEN_CALL = re.compile(r'<(?:invoke name="|function=)([\w.-]+)"?>(.*?)</(?:invoke|function)>', re.DOTALL)
_WRITTEN_PARAMETER = re.compile(r'<parameter[ =]?(?:name=)?"?([\w.-]+)"?>(.*?)</parameter>', re.DOTALL)
NAME_KEYS = ("name", "function", "function_name", "tool", "tool_name", "action")
ARGUMENT_KEYS = ("arguments", "parameters", "args", "params", "input", "tool_input", "action_input")


@dataclass(frozen=True)
class Form:
    """A way to write calls: its name, what shows that a prompt asks for it, and the writer."""

    name: str
    mark: re.Pattern[str]
    write: Callable[[Sequence[Call]], str]


def _scalar(value: Any) -> str:
    return value if isinstance(value, str) else dumps(value)


def _escaped(value: Any) -> str:
    text = _scalar(value)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") if isinstance(value, str) else text


def _invoke(call: Call, *, escape: bool) -> str:
    scalar = _escaped if escape else _scalar
    lines = [f'<parameter name="{key}">{scalar(value)}</parameter>' for key, value in call.arguments.items()]
    return "\n".join([f'<invoke name="{call.name}">', *lines, "</invoke>"])


def _function_calls(calls: Sequence[Call]) -> str:
    return "\n".join(["<function_calls>", *(_invoke(call, escape=True) for call in calls), "</function_calls>"])


def _minimax(calls: Sequence[Call]) -> str:
    return "\n".join(["<minimax:tool_call>", *(_invoke(call, escape=False) for call in calls), "</minimax:tool_call>"])


def _object(call: Call, arguments: str = "arguments") -> str:
    return dumps({"name": call.name, arguments: call.arguments})


def _hermes(calls: Sequence[Call]) -> str:
    return "\n".join(f"<tool_call>\n{_object(call)}\n</tool_call>" for call in calls)


def _qwen(calls: Sequence[Call]) -> str:
    blocks = []
    for call in calls:
        lines = [f"<parameter={key}>\n{_scalar(value)}\n</parameter>" for key, value in call.arguments.items()]
        blocks.append("\n".join(["<tool_call>", f"<function={call.name}>", *lines, "</function>", "</tool_call>"]))
    return "\n".join(blocks)


def _glm(calls: Sequence[Call]) -> str:
    pairs = "<arg_key>{}</arg_key>\n<arg_value>{}</arg_value>"
    return "\n".join(
        "\n".join(
            [
                f"<tool_call>{call.name}",
                *(pairs.format(k, _scalar(v)) for k, v in call.arguments.items()),
                "</tool_call>",
            ]
        )
        for call in calls
    )


def _array(before: str, after: str) -> Callable[[Sequence[Call]], str]:
    return lambda calls: before + "[" + ", ".join(_object(call) for call in calls) + "]" + after


def _pythonic(calls: Sequence[Call]) -> str:
    written = (f"{c.name}({', '.join(f'{key}={value!r}' for key, value in c.arguments.items())})" for c in calls)
    return f"[{', '.join(written)}]"


def _harmony(calls: Sequence[Call]) -> str:
    return "".join(
        f"<|channel|>commentary to=functions.{call.name} <|constrain|>json<|message|>{dumps(call.arguments)}<|call|>"
        for call in calls
    )


def _deepseek(calls: Sequence[Call]) -> str:
    inner = "".join(
        f"<｜tool▁call▁begin｜>{c.name}<｜tool▁sep｜>{dumps(c.arguments)}<｜tool▁call▁end｜>" for c in calls
    )
    return f"<｜tool▁calls▁begin｜>{inner}<｜tool▁calls▁end｜>"


def _react(calls: Sequence[Call]) -> str:
    return "\n".join(f"Action: {call.name}\nAction Input: {dumps(call.arguments)}" for call in calls[:1])


def _decision(calls: Sequence[Call]) -> str:
    return dumps({"action": "call", "calls": [{"name": call.name, "arguments": call.arguments} for call in calls]})


# The first form whose mark is in the prompt is the one that is asked for.
FORMS: tuple[Form, ...] = (
    Form("decision", re.compile(r'"action"\s*:\s*"call"'), _decision),
    Form("minimax_m2", re.compile("<minimax:tool_call>"), _minimax),
    Form("function_calls", re.compile(r"<function_calls>|<invoke\s+name="), _function_calls),
    Form("qwen3_coder", re.compile("<function="), _qwen),
    Form("glm", re.compile("<arg_key>"), _glm),
    Form("deepseek_v31", re.compile("<｜tool▁calls▁begin｜>"), _deepseek),
    Form("harmony", re.compile("to=functions"), _harmony),
    Form("hermes", re.compile("<tool_call>"), _hermes),
    Form("nemotron", re.compile("<TOOLCALL>"), _array("<TOOLCALL>", "</TOOLCALL>")),
    Form("tool_calls", re.compile(r"<tool_calls>"), _array("<tool_calls>", "</tool_calls>")),
    Form("mistral", re.compile(r"\[TOOL_CALLS\]"), _array("[TOOL_CALLS] ", "")),
    Form("functools", re.compile(r"functools\["), _array("functools", "")),
    Form("pythonic", re.compile(r"\[\w+\(\w+=.*?\)"), _pythonic),
    Form("react", re.compile("Action Input:"), _react),
)


# No prompt asks for these, but models write them.
_NEVER = re.compile(r"(?!)")
SPOKEN: tuple[Form, ...] = (
    Form("bare", _NEVER, lambda calls: "\n".join(_object(call) for call in calls)),
    Form("fenced", _NEVER, lambda calls: "\n".join(f"```json\n{_object(call)}\n```" for call in calls)),
    Form("array", _NEVER, _array("", "")),
)


def form_named(name: str) -> Form:
    """Return a form by its name; `KeyError` when there is none."""
    return {form.name: form for form in (*FORMS, *SPOKEN)}[name]


def find_form(prompt: str) -> Form | None:
    """Return the form that a prompt asks for (definitions of tools taken out of it); None when it asks for none."""
    for form in FORMS:
        if form.mark.search(prompt):
            return form
    return _json_form(prompt)


def _json_form(prompt: str) -> Form | None:
    """Return the plain JSON form that an example in the prompt shows, with the example's keys."""
    keys = re.search(
        rf'"({"|".join(NAME_KEYS)})"\s*:[^\n]{{0,200}}?"({"|".join(ARGUMENT_KEYS)})"\s*:',
        re.sub(r"\s*\n\s*", " ", prompt),
    )
    if keys is None:
        return None
    name_key, argument_key = keys.groups()
    wrapper = re.search(r'"(tool_calls?|toolcalls?|function_calls?|calls)"\s*:\s*(\[)?', prompt)

    def write(calls: Sequence[Call]) -> str:
        objects: Any = [{name_key: call.name, argument_key: call.arguments} for call in calls]
        if wrapper:
            return dumps({wrapper.group(1): objects if wrapper.group(2) else objects[0]})
        return dumps(objects[0] if len(objects) == 1 else objects)

    return Form("json", re.compile(""), write)


def read_calls(text: str) -> list[Call]:
    """Return the calls that a text holds in one of the usual forms (as a model sees its earlier turns)."""
    found = []
    for name, body in _WRITTEN_CALL.findall(text) if "</invoke>" in text or "</function>" in text else ():
        found.append(Call(name, {key: value.strip() for key, value in _WRITTEN_PARAMETER.findall(body)}))
    for _, _, value in find_json(text):
        found += _calls_in(value, 0)
    return found


def _calls_in(value: Any, depth: int) -> list[Call]:
    if depth > 3:
        return []
    if isinstance(value, list):
        return [call for one in value for call in _calls_in(one, depth + 1)]
    if not isinstance(value, dict):
        return []
    name = next((value[key] for key in NAME_KEYS if isinstance(value.get(key), str)), None)
    arguments = next((value[key] for key in ARGUMENT_KEYS if isinstance(value.get(key), dict)), None)
    if name is not None and arguments is not None:
        return [Call(name, arguments)]
    return [call for one in value.values() for call in _calls_in(one, depth + 1)]
