import pytest

from tests.support.questions import plain_questions, tool_questions


def test_a_seed_makes_the_same_questions_again():
    assert tool_questions(3, 50) == tool_questions(3, 50)
    assert tool_questions(3, 50) != tool_questions(4, 50)
    assert plain_questions(3, 50) == plain_questions(3, 50)


def test_the_questions_are_distinct_and_of_all_languages_and_kinds():
    questions = tool_questions(1, 600)
    assert len({one.text for one in questions}) == 600
    assert {one.language for one in questions} == {"en", "ko", "ja"}
    named = {one.tool for one in questions}
    assert {"get_weather", "calculator", "time_now", "system_info"} <= named
    assert all(one.tool in [entry["function"]["name"] for entry in one.tools] for one in questions)


def test_plain_questions_are_distinct_and_declare_tools():
    questions = plain_questions(1, 300)
    assert len({one.text for one in questions}) == 300
    assert all(one.tools and one.tool is None and one.arguments is None for one in questions)


def test_more_questions_than_there_are_is_an_error():
    with pytest.raises(ValueError, match="distinct questions"):
        plain_questions(1, 5_000)
