"""Random valid bodies of OpenAI's chat completions, with unknown fields at every level."""

from __future__ import annotations

from hypothesis import strategies as st
from toolgate_core.jsontext import JsonObject, JsonValue, encode_str

words = st.one_of(
    st.sampled_from(["", "hi", "null", '☂ "q" \\ \n', "tool_calls"]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
)
names = st.from_regex(r"[a-zA-Z0-9_-]{1,12}", fullmatch=True)
_VALUES: list[JsonValue] = [None, True, 0, 2**70, 9007199254740993, 1.0, -0.0, "", "text", [], {}, [None, {"a": [1]}]]
values = st.sampled_from(_VALUES)
_UNKNOWN: list[JsonObject] = [
    {},
    {"x_a": 1.0},
    {"x-ü": {"b": [None, 2**70]}, "x_c": "tool_calls"},
    {"cache_control": {}},
]
unknown = st.sampled_from(_UNKNOWN)


def _with(fixed: st.SearchStrategy[JsonObject]) -> st.SearchStrategy[JsonObject]:
    """Add unknown fields to an object."""
    return st.tuples(fixed, unknown).map(lambda both: {**both[0], **both[1]})


_texts = _with(words.map(lambda text: {"type": "text", "text": text}))
_media = _with(words.map(lambda url: {"type": "image_url", "image_url": {"url": url}}))
contents: st.SearchStrategy[JsonValue] = st.one_of(words, st.lists(st.one_of(_texts, _media), max_size=3))


@st.composite
def calls(draw: st.DrawFn, call_id: str) -> JsonObject:
    """Draw a call of the history; its arguments are an object."""
    function: JsonObject = {
        "name": draw(names),
        "arguments": encode_str(draw(st.dictionaries(words, values, max_size=2))),
    }
    return {"id": call_id, "type": "function", "function": {**function, **draw(unknown)}, **draw(unknown)}


@st.composite
def turns(draw: st.DrawFn, place: int) -> list[JsonObject]:
    """Draw a question and its answer: text, or calls and their results."""
    asked: JsonObject = {"role": "user", "content": draw(contents), **draw(unknown)}
    if draw(st.booleans()):
        asked["name"] = draw(names)
    ids = [f"call_{place}_{index}" for index in range(draw(st.integers(0, 2)))]
    answer: JsonObject = {"role": "assistant", "content": draw(contents), **draw(unknown)}
    if ids:
        answer["content"] = draw(st.one_of(st.none(), contents))
        answer["tool_calls"] = [draw(calls(call_id)) for call_id in ids]
    for key in draw(st.sets(st.sampled_from(["reasoning", "reasoning_content", "refusal"]))):
        answer[key] = draw(words)
    results: list[JsonObject] = [
        {"role": "tool", "tool_call_id": call_id, "content": draw(contents), **draw(unknown)}
        for call_id in draw(st.permutations(ids))
    ]
    return [asked, answer, *results]


@st.composite
def conversations(draw: st.DrawFn) -> list[JsonValue]:
    """Draw the messages of a request."""
    opening: list[JsonObject] = [
        {"role": role, "content": draw(contents), **draw(unknown)}
        for role in draw(st.lists(st.sampled_from(["system", "developer"]), max_size=2))
    ]
    middle = [message for place in range(draw(st.integers(0, 2))) for message in draw(turns(place))]
    return [*opening, *middle, {"role": "user", "content": draw(contents), **draw(unknown)}]


@st.composite
def tools(draw: st.DrawFn) -> list[JsonValue]:
    """Draw the tools of a request, which all have parameters."""
    out: list[JsonValue] = []
    for name in draw(st.lists(names, min_size=1, max_size=3, unique=True)):
        function: JsonObject = {"name": name, "parameters": {"type": "object", "x-note": draw(values)}}
        if draw(st.booleans()):
            function["description"] = draw(words.filter(bool))
        out.append({"type": "function", "function": {**function, **draw(unknown)}, **draw(unknown)})
    return out


@st.composite
def bodies(draw: st.DrawFn, *, with_tools: bool = False) -> JsonObject:
    """Draw a valid request; `with_tools`: always one with tools."""
    body: JsonObject = {"model": draw(names), "messages": draw(conversations())}
    optional: dict[str, st.SearchStrategy[JsonValue]] = {
        "temperature": st.floats(0, 2),
        "top_p": st.sampled_from([0, 1, 0.5]),
        "seed": st.integers(-(2**63), 2**63 - 1),
        "stop": st.one_of(words.filter(bool), st.lists(words.filter(bool), min_size=1, max_size=4)),
        "max_tokens": st.integers(1, 1000),
        "max_completion_tokens": st.integers(1, 1000),
        "response_format": st.sampled_from(
            [{"type": "json_object"}, {"type": "json_schema", "json_schema": {"name": "x", "schema": {}, "x_y": 1}}]
        ),
        "top_k": st.integers(1, 50),
    }
    for name in draw(st.sets(st.sampled_from(sorted(optional)))):
        body[name] = draw(optional[name])
    if with_tools or draw(st.booleans()):
        body["tools"] = draw(tools())
        body["tool_choice"] = draw(st.sampled_from(["auto", "none", "required"]))
        body["parallel_tool_calls"] = draw(st.booleans())
    if draw(st.booleans()):
        body |= {"stream": True, "stream_options": {"include_usage": draw(st.booleans()), **draw(unknown)}}
    if draw(st.booleans()):
        body |= {"logprobs": True, "top_logprobs": draw(st.integers(0, 20))}
    return {**body, **draw(unknown)}
