import json
import re
from collections import Counter

import pytest
from toolgate_simulator.mishaps import Draft, damage
from toolgate_simulator.personas import PersonaError, load_personas

from tests.simulator.samples import PERSONAS, TOOLS, ask, constrained, decision_schema, user
from tests.support.questions import plain_questions, tool_questions

QUESTIONS = tool_questions(11, 600)


def bridged(question, persona: str, seed: int = 0, *, forced: bool = False, draft: str = "") -> Draft:
    lines = "\n".join(json.dumps(entry["function"]) for entry in question.tools)
    system = {"role": "system", "content": f"You decide what happens next.\n<tools>\n{lines}\n</tools>"}
    messages = [system, *user(question.text)]
    if draft:
        messages += [
            {"role": "assistant", "content": draft},
            {"role": "user", "content": "Now write what you decided as the JSON object."},
        ]
    schema = decision_schema(list(question.tools), forced=forced)
    return ask("", messages=messages, response_format=constrained(schema), persona=persona, seed=seed)


def as_asked(draft: Draft, question) -> bool:
    """Whether a bridged answer is exactly the decision that the question's truth asks for."""
    try:
        value = json.loads(draft.text or "")
    except ValueError:
        return False
    return draft.fate == "" and value == {
        "action": "call",
        "calls": [{"name": question.tool, "arguments": question.arguments}],
    }


def share(marks: list[bool]) -> float:
    return sum(marks) / len(marks)


@pytest.mark.parametrize("choice", ["auto", "required"])
def test_the_old_gpt_oss_never_calls_natively(choice):
    drafts = [ask(one.text, tools=list(one.tools), tool_choice=choice, persona="gpt-oss-20b") for one in QUESTIONS]
    assert [draft for draft in drafts if draft.calls or not draft.text] == []


def test_the_old_gpt_oss_never_decides_when_guided():
    for one in QUESTIONS[:100]:
        schema = constrained(decision_schema(list(one.tools)))
        draft = ask(one.text, tools=list(one.tools), response_format=schema, persona="gpt-oss-20b")
        assert (draft.calls, (draft.text or "{").startswith("{")) == ((), False)


@pytest.mark.parametrize("forced", [True, False])
def test_the_old_gpt_oss_bridges_three_times_out_of_four(forced):
    right = [as_asked(bridged(one, "gpt-oss-20b", forced=forced), one) for one in QUESTIONS]
    assert 0.70 <= share(right) <= 0.80


def test_the_old_gpt_oss_never_answers_in_place_of_a_bridged_call():
    texts = [bridged(one, "gpt-oss-20b").text or "" for one in QUESTIONS]
    assert [text for text in texts if '"answer"' in text] == []


def test_the_old_gpt_oss_converts_its_own_notes_nearly_always():
    right = [as_asked(bridged(one, "gpt-oss-20b", draft="I should call `x` with {}."), one) for one in QUESTIONS]
    assert 0.92 <= share(right) <= 0.98


@pytest.mark.parametrize("persona", ["gpt-oss-20b", "gpt-oss-20b-recent", "qwen-strong", "hermes-leaky"])
def test_a_sane_persona_calls_no_tool_that_is_not_needed(persona):
    for one in plain_questions(11, 300):
        native = ask(one.text, tools=list(one.tools), persona=persona)
        decided = bridged(one, persona).text or ""
        assert (native.calls, '"call"' in decided, "to=functions" in decided) == ((), False, False)


def test_the_recent_gpt_oss_makes_one_call_a_turn_and_leaks_tokens():
    drafts = [
        ask(one.text, tools=list(one.tools), tool_choice="required", persona="gpt-oss-20b-recent") for one in QUESTIONS
    ]
    names = Counter(call.name.partition("<|")[1] for draft in drafts for call in draft.calls)
    assert max(len(draft.calls) for draft in drafts) == 1
    assert 0.05 <= names["<|"] / len(drafts) <= 0.15
    assert 0.03 <= share(["to=functions." in (draft.text or "") for draft in drafts]) <= 0.10
    several = [
        ask(f"Weather in Rome and Oslo for {days} days?", tools=TOOLS, persona="gpt-oss-20b-recent")
        for days in range(2, 14)
    ]
    assert max(len(draft.calls) for draft in several) == 1


def test_the_leaky_hermes_writes_its_markup_into_the_text():
    drafts = [ask(one.text, tools=list(one.tools), persona="hermes-leaky") for one in QUESTIONS]
    assert 0.4 <= share([(draft.text or "").startswith("<tool_call>\n{") for draft in drafts]) <= 0.6


def test_chaos_fails_in_every_way():
    drafts = [ask(one.text, tools=list(one.tools), persona="chaos") for one in QUESTIONS]
    assert {draft.fate for draft in drafts} == {"", "http_500", "cut_stream", "slow"}
    assert any(draft.text is None and not draft.calls for draft in drafts)
    assert any(draft.damaged for draft in drafts)
    assert {call.name for draft in drafts for call in draft.calls} & {
        "browser.search",
        "assistant",
        "lookup_information",
        "python",
    }


def test_answers_depend_on_the_seed_and_are_the_same_in_every_run():
    one = QUESTIONS[0]

    def drawn(seed: int, **more) -> list[Draft]:
        return [ask(q.text, tools=list(q.tools), persona="chaos", seed=seed, **more) for q in QUESTIONS[:40]]

    assert drawn(1) == drawn(1, stream=True, user="me", request_id="x", temperature=0.3, seed_of_request=7)
    assert drawn(1) != drawn(2)
    history = [
        [
            *user(one.text),
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": name, "type": "function", "function": {"name": "f", "arguments": "{}"}}],
            },
            {"role": "tool", "tool_call_id": name, "content": "done"},
        ]
        for name in ("call_1", "call_2")
    ]
    first, second = (
        [ask("", messages=messages, tools=list(one.tools), persona="chaos", seed=seed) for seed in range(30)]
        for messages in history
    )
    assert first == second


def test_damaged_json_is_damaged_and_some_of_it_can_be_repaired():
    text = '{"city": "Tokyo", "days": 3}'
    damaged = {damage(text, place / 20) for place in range(20)}
    assert '{"city": "Tokyo", "days": 3' in damaged
    assert '{"city": "Tokyo", "days": 3,}' in damaged
    for one in damaged:
        with pytest.raises(json.JSONDecodeError):
            json.loads(one)


def test_a_file_of_personas_adds_and_replaces(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(
        "mine: {parallel: false, rules: {native: {works: 0.5, fails: {http_500: 1}}}}\nqwen-strong: {about: weak}\n"
    )
    loaded = load_personas(file)
    assert (loaded["mine"].rule("native", forced=True).works, loaded["mine"].parallel) == (0.5, False)
    assert loaded["mine"].rule("bridge", forced=True).works == 1.0
    assert loaded["qwen-strong"].about == "weak"
    assert set(PERSONAS) < set(loaded)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [1", "not YAML"),
        ("- a", "expected a mapping"),
        ("a: {tool: true}", "a: 'tool' is not known here"),
        ("a: {rules: {nativ: {}}}", "a.rules: 'nativ' is not known here"),
        ("a: {rules: {native: {fails: {sulks: 1}}}}", "'sulks' is not known here"),
        ("a: {rules: {native: {works: 2}}}", "a.rules.native: chances are numbers"),
        ("a: {json_schema: maybe}", "a.json_schema: one of"),
    ],
)
def test_a_wrong_file_of_personas_is_named(tmp_path, text, said):
    file = tmp_path / "wrong.yaml"
    file.write_text(text)
    with pytest.raises(PersonaError, match=re.escape(said)):
        load_personas(file)
