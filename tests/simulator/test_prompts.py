"""Tools and forms that are in the prompt: those of other projects, as far as their users meet them."""

import json

import pytest
from toolgate_simulator.forms import read_calls
from toolgate_simulator.reading import read_request

from tests.simulator.samples import CALCULATOR, PERSONAS, TOOLS, WEATHER, ask, user

QUESTION = "What's the weather in Tokyo and Paris?"
CALLS = [("get_weather", {"city": "Tokyo"}), ("get_weather", {"city": "Paris"})]
LINES = "\n".join(json.dumps(entry["function"]) for entry in (WEATHER, CALCULATOR))
WRAPPED = json.dumps([WEATHER, CALCULATOR], indent=2)

XML = "\n".join(
    f"<tool><name>{entry['function']['name']}</name><description>{entry['function']['description']}</description>"
    f"<parameters>{json.dumps(entry['function']['parameters'])}</parameters></tool>"
    for entry in (WEATHER, CALCULATOR)
)
XML_ELEMENTS = """
<function><name>get_weather</name><description>Get the weather</description><parameters>
<parameter><name>city</name><type>string</type><required>true</required></parameter>
<parameter><name>days</name><type>integer</type></parameter>
</parameters></function>
"""
MARKDOWN = """
## Tools

### get_weather
Description: Get the weather
Parameters:
- city (string, required): where
- days (integer): how long

### calculator
Description: Evaluate an expression
Parameters: {"type": "object", "properties": {"expression": {"type": "string"}}, "required": ["expression"]}
"""
TYPESCRIPT = """
namespace functions {
// Get the weather
type get_weather = (_: {
// where
city: string,
unit?: "celsius" | "fahrenheit",
}) => any;
}
"""
SIGNATURES = """
You may use these functions:
- get_weather(city: str, days: int = 1): Get the weather of a city
- calculator(expression: str): Evaluate arithmetic
"""

HERMES = 'Answer with <tool_call>{"name": <name>, "arguments": <arguments>}</tool_call>.'
FUNCTION_CALLS = 'Write\n<function_calls>\n<invoke name="$NAME">\n<parameter name="$P">value</parameter>\n</invoke>\n</function_calls>'
LLAMA = 'Respond with JSON for a function call: {"name": function name, "parameters": dictionary of argument name and its value}.'
QWEN = "<tool_call>\n<function=example>\n<parameter=p>\nvalue\n</parameter>\n</function>\n</tool_call>"
WRAPPER = 'Answer with {"tool_calls": [{"tool": "name", "args": {"key": "value"}}]} and nothing else.'


def written(system: str, question: str = QUESTION) -> str:
    return ask("", messages=[{"role": "system", "content": system}, *user(question)]).text or ""


@pytest.mark.parametrize("tools", [LINES, WRAPPED, XML, XML_ELEMENTS, MARKDOWN, TYPESCRIPT, SIGNATURES])
@pytest.mark.parametrize("form", [HERMES, FUNCTION_CALLS, LLAMA, QWEN, WRAPPER])
def test_tools_in_any_style_are_called_in_the_form_that_is_shown(tools, form):
    found = read_calls(written(f"You are a helpful assistant.\n{tools}\n\n{form}"))
    assert [(call.name, call.arguments) for call in found] == CALLS


def test_the_form_is_the_one_of_the_prompt():
    assert written(f"{LINES}\n{HERMES}").startswith("<tool_call>\n{")
    assert written(f"{LINES}\n{FUNCTION_CALLS}").startswith('<function_calls>\n<invoke name="get_weather">')
    assert json.loads(written(f"{LINES}\n{WRAPPER}")) == {
        "tool_calls": [{"tool": name, "args": given} for name, given in CALLS]
    }
    assert (
        written(f"{LINES}\n{LLAMA}", "What is 2 + 3?")
        == '{"name": "calculator", "parameters": {"expression": "2 + 3"}}'
    )
    assert written(f"{LINES}\nWrite calls as [name(argument=value)] like [f(a=1)].") == (
        "[get_weather(city='Tokyo'), get_weather(city='Paris')]"
    )


def test_arguments_in_markup_are_escaped_where_the_form_says_so():
    save = '{"name": "save_note", "description": "Save a note", "parameters": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}}'
    text = written(f"{save}\n{FUNCTION_CALLS}", 'Use save_note with text="a < b & c"')
    assert '<parameter name="text">a &lt; b &amp; c</parameter>' in text


def test_questions_without_need_of_a_tool_get_text_under_any_prompt():
    for form in (HERMES, FUNCTION_CALLS, LLAMA):
        assert written(f"{XML}\n{form}", "Tell me a joke.") == (
            "Why did the scarecrow win a prize? Because it was outstanding in its field."
        )


def test_a_prompt_may_demand_a_call_and_limit_a_turn_to_one():
    demanding = f"{LINES}\n{HERMES}\nRules:\n- You must call the tool calculator now; do not answer in text."
    assert [call.name for call in read_calls(written(demanding, "Hello!"))] == ["calculator"]
    assert len(read_calls(written(f"{LINES}\n{HERMES}\nMake at most one call."))) == 1


def test_tools_and_question_may_share_a_user_message():
    content = f"Given these functions, respond with a call.\n{LINES}\n{LLAMA}\n\nQuestion: {QUESTION}"
    found = read_calls(ask("", messages=user(content)).text or "")
    assert [(call.name, call.arguments) for call in found] == CALLS


def test_a_prompt_without_a_form_gets_thoughts():
    assert written(f"{LINES}\nThink about what to do.") == (
        'I should call `get_weather` with {"city": "Tokyo"}. I should call `get_weather` with {"city": "Paris"}.'
    )


def test_an_ordinary_system_prompt_declares_nothing():
    body = {
        "messages": [
            {"role": "system", "content": "You are a pirate. Rules (strict):\n- be nice\n## Style\nshort"},
            *user(QUESTION),
        ]
    }
    reading = read_request(body, PERSONAS["qwen-strong"])
    assert (reading.channel, reading.tools) == ("chat", ())


@pytest.mark.parametrize(
    "result",
    [
        "<tool_response>\nsunny\n</tool_response>",
        '<tool_response>\n{"name": "get_weather", "tool_call_id": "call_1", "content": "sunny"}\n</tool_response>',
        "<function_results>\n<result>\n<tool_name>get_weather</tool_name>\n<call_id>call_1</call_id>\n<output>sunny</output>\n</result>\n</function_results>",
        "<tool_result>sunny</tool_result>",
        "Observation: sunny",
        "[TOOL_RESULTS]sunny[/TOOL_RESULTS]",
    ],
)
def test_results_in_a_prompts_markup_are_quoted(result):
    messages = [
        {"role": "system", "content": f"{LINES}\n{HERMES}"},
        *user("What's the weather in Tokyo?"),
        {
            "role": "assistant",
            "content": '<tool_call>{"name": "get_weather", "arguments": {"city": "Tokyo"}}</tool_call>',
        },
        {"role": "user", "content": result},
    ]
    assert ask("", messages=messages).text == "Here is what I found: sunny"


def test_a_quoted_fault_is_not_a_new_question_and_draws_again():
    asked = [{"role": "system", "content": f"{LINES}\n{HERMES}"}, *user(QUESTION)]
    fault = "That answer could not be used: `city` must be text, not 17 * 23. Give the whole answer again."
    answered = [*asked, {"role": "assistant", "content": "<tool_call>{"}, {"role": "user", "content": fault}]
    joined = [*asked[:1], {"role": "user", "content": f"{QUESTION}\n\n{fault}"}]
    for messages in (answered, joined):
        found = read_calls(ask("", messages=messages).text or "")
        assert [(call.name, call.arguments) for call in found] == CALLS
    drawn = {
        ask("", messages=asked, persona="gpt-oss-20b", seed=seed)
        == ask("", messages=answered, persona="gpt-oss-20b", seed=seed)
        for seed in range(20)
    }
    assert drawn == {True, False}


def test_declared_tools_win_over_those_of_a_prompt():
    body = {"messages": [{"role": "system", "content": f"{LINES}\n{HERMES}"}, *user(QUESTION)], "tools": TOOLS}
    assert read_request(body, PERSONAS["qwen-strong"]).channel == "native"
