"""Every case is read as it says."""

import pytest

from tests.core.dialects.reading import cases, events, read


@pytest.mark.parametrize("case", cases(), ids=str)
def test_case_is_read_as_described(case):
    got = read(events(case.plan, [case.text], case.finish, case.toolset))
    assert got.calls == case.calls
    assert got.content == case.content
    assert got.reasoning == case.reasoning
    assert got.unfinished == case.broken
    if case.repairs is not None:
        assert [tag for tag in got.repairs if tag not in ("bad_json", "cut")] == case.repairs
