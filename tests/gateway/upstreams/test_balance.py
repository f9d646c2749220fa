"""Which replica a request goes to."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from toolgate_core.jsontext import JsonValue, encode
from toolgate_core.types.requests import ModelRequest
from toolgate_gateway.upstreams.balance import MAX_LOAD_FACTOR, Load, key_of, key_of_text, pick

from tests.support.asking import asking

LOADS = st.lists(
    st.builds(
        Load,
        url=st.sampled_from([f"http://pod-{n}" for n in range(9)]),
        in_flight=st.integers(0, 50),
        ready=st.booleans(),
    ),
    min_size=1,
    unique_by=lambda load: load.url,
)


def idle(count: int) -> list[Load]:
    return [Load(f"http://pod-{number}", 0, ready=True) for number in range(count)]


@given(loads=LOADS, turn=st.integers(0, 1000), key=st.binary(max_size=8))
def test_the_choice_is_one_of_the_ready_replicas_where_there_is_one(loads: list[Load], turn: int, key: bytes) -> None:
    chosen = next(load for load in loads if load.url == pick(loads, turn=turn, key=key))
    assert chosen.ready or not any(load.ready for load in loads)


@given(loads=LOADS, turn=st.integers(0, 1000))
def test_without_a_key_a_least_loaded_replica_is_chosen(loads: list[Load], turn: int) -> None:
    candidates = [load for load in loads if load.ready] or loads
    chosen = next(load for load in loads if load.url == pick(loads, turn=turn))
    assert chosen.in_flight == min(load.in_flight for load in candidates)


def test_idle_replicas_take_turns() -> None:
    assert Counter(pick(idle(3), turn=turn) for turn in range(9)) == {f"http://pod-{number}": 3 for number in range(3)}


@given(loads=LOADS, key=st.binary(min_size=1, max_size=8))
def test_a_crowded_replica_is_passed_over_however_well_it_fits(loads: list[Load], key: bytes) -> None:
    candidates = [load for load in loads if load.ready] or loads
    chosen = next(load for load in loads if load.url == pick(loads, turn=0, key=key))
    fair = (1 + sum(load.in_flight for load in candidates)) / len(candidates)
    assert chosen.in_flight < MAX_LOAD_FACTOR * fair + 1


@given(count=st.integers(2, 8), keys=st.lists(st.binary(min_size=1, max_size=8), min_size=1, max_size=20))
def test_a_key_stays_where_it_is_when_another_replica_comes(count: int, keys: list[bytes]) -> None:
    before, after = idle(count), idle(count + 1)
    new = after[-1].url
    moved = {key for key in keys if pick(before, turn=0, key=key) != pick(after, turn=0, key=key)}
    assert all(pick(after, turn=0, key=key) == new for key in moved)


def test_keys_are_spread_over_all_replicas() -> None:
    counts = Counter(pick(idle(4), turn=0, key=str(number).encode()) for number in range(400))
    assert set(counts) == {load.url for load in idle(4)}
    assert min(counts.values()) > 50


SYSTEM: JsonValue = {"role": "system", "content": "Help."}
FIRST: JsonValue = {"role": "user", "content": "What is the weather in Oslo?"}
LATER: list[JsonValue] = [{"role": "assistant", "content": "Rain."}, {"role": "user", "content": "And in Rome?"}]


def test_all_turns_of_a_conversation_share_one_key() -> None:
    turns = [asking({"model": "m", "messages": [SYSTEM, FIRST, *LATER[:count]]}) for count in range(3)]
    other = asking({"model": "m", "messages": [SYSTEM, {"role": "user", "content": "Hello."}]})
    for rewritten in (frozenset[str](), frozenset(("messages",))):
        keys = {key_of(replace(turn, untouched=turn.untouched - rewritten)) for turn in turns}
        assert len(keys) == 1
        assert key_of(replace(other, untouched=other.untouched - rewritten)) not in keys


def test_a_body_that_is_forwarded_has_a_key_of_the_same_kind() -> None:
    turns = [
        key_of_text(encode({"model": "m", "stream": True, "messages": [SYSTEM, FIRST, *LATER[:count]]}))
        for count in range(3)
    ]
    assert len({*turns}) == 1
    assert turns[0]
    assert turns[0] == key_of(asking({"model": "m", "messages": [SYSTEM, FIRST, *LATER]}))


@given(st.binary(max_size=60))
def test_no_body_is_too_odd_for_a_key(body: bytes) -> None:
    assert isinstance(key_of_text(body), bytes)


def test_without_messages_there_is_no_key() -> None:
    assert [
        key_of(ModelRequest(model="m", messages=())),
        key_of_text(b"{}"),
        key_of_text(b'{"messages": "x"}'),
        key_of_text(b'{"messages": [3]}'),
        key_of_text(b"["),
    ] == [b""] * 5
