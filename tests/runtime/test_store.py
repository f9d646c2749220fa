"""The contract of stores: every adapter passes all of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec import Struct
from toolgate_runtime.store import MemoryStore, Store, StoreError


class Clock:
    """A clock that a test advances."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Adapter(Struct):
    """A store under test, and how its time is advanced: a shared server needs real time, or a command for it."""

    store: Store
    advance: Callable[[float], None]


def memory() -> Adapter:
    clock = Clock()

    def advance(seconds: float) -> None:
        clock.now += seconds

    return Adapter(MemoryStore(clock), advance)


ADAPTERS: dict[str, Callable[[], Adapter]] = {"memory": memory}


@pytest.fixture(params=list(ADAPTERS.values()), ids=list(ADAPTERS))
def adapter(request: pytest.FixtureRequest) -> Adapter:
    created: Adapter = request.param()
    return created


async def test_a_missing_key_has_no_value(adapter: Adapter) -> None:
    assert await adapter.store.get("a") is None


async def test_a_value_is_returned_unchanged(adapter: Adapter) -> None:
    value = bytes(range(256))
    await adapter.store.set("a", value)
    assert await adapter.store.get("a") == value
    assert await adapter.store.get("b") is None


async def test_the_last_value_counts(adapter: Adapter) -> None:
    await adapter.store.set("a", b"1")
    await adapter.store.set("a", b"2")
    assert await adapter.store.get("a") == b"2"


async def test_a_value_expires_after_its_time(adapter: Adapter) -> None:
    await adapter.store.set("a", b"1", ttl_s=5)
    adapter.advance(4.9)
    assert await adapter.store.get("a") == b"1"
    adapter.advance(0.2)
    assert await adapter.store.get("a") is None


async def test_a_value_without_a_time_stays(adapter: Adapter) -> None:
    await adapter.store.set("a", b"1")
    adapter.advance(1e9)
    assert await adapter.store.get("a") == b"1"


async def test_set_replaces_the_expiry(adapter: Adapter) -> None:
    await adapter.store.set("a", b"1", ttl_s=5)
    await adapter.store.set("a", b"2")
    adapter.advance(10)
    assert await adapter.store.get("a") == b"2"


async def test_a_counter_begins_at_zero(adapter: Adapter) -> None:
    assert [await adapter.store.increment("a"), await adapter.store.increment("a", 4)] == [1, 5]
    assert await adapter.store.increment("a", -7) == -2
    assert await adapter.store.get("a") == b"-2"


async def test_a_counter_continues_a_value_of_digits(adapter: Adapter) -> None:
    await adapter.store.set("a", b"41")
    assert await adapter.store.increment("a") == 42


async def test_a_window_ends_on_time_however_often_it_counts(adapter: Adapter) -> None:
    await adapter.store.increment("a", ttl_s=60)
    adapter.advance(50)
    assert await adapter.store.increment("a", ttl_s=60) == 2
    adapter.advance(11)
    assert await adapter.store.increment("a", ttl_s=60) == 1


async def test_an_expired_counter_begins_again(adapter: Adapter) -> None:
    await adapter.store.increment("a", 9, ttl_s=1)
    adapter.advance(2)
    assert await adapter.store.increment("a") == 1
    adapter.advance(100)
    assert await adapter.store.get("a") == b"1"


@pytest.mark.parametrize("value", [b"", b"x", b"1.5", b" 1", b"1_0", b"01", b"+1"])
async def test_a_value_that_is_not_an_integer_does_not_count(adapter: Adapter, value: bytes) -> None:
    await adapter.store.set("a", value)
    with pytest.raises(StoreError):
        await adapter.store.increment("a")
    assert await adapter.store.get("a") == value


async def test_a_counter_stays_within_64_bits(adapter: Adapter) -> None:
    assert await adapter.store.increment("a", 2**63 - 1) == 2**63 - 1
    with pytest.raises(StoreError):
        await adapter.store.increment("a")
    assert await adapter.store.get("a") == b"9223372036854775807"


async def test_expire_sets_and_replaces_the_expiry(adapter: Adapter) -> None:
    await adapter.store.set("a", b"1")
    assert await adapter.store.expire("a", 5) is True
    assert await adapter.store.expire("a", 50) is True
    adapter.advance(10)
    assert await adapter.store.get("a") == b"1"
    adapter.advance(50)
    assert await adapter.store.get("a") is None


async def test_expire_of_a_missing_key_does_nothing(adapter: Adapter) -> None:
    assert await adapter.store.expire("a", 5) is False
    await adapter.store.set("b", b"1", ttl_s=1)
    adapter.advance(2)
    assert await adapter.store.expire("b", 5) is False


@pytest.mark.parametrize("ttl_s", [0, -1.0, float("nan")])
async def test_an_expiry_must_lie_in_the_future(adapter: Adapter, ttl_s: float) -> None:
    await adapter.store.set("a", b"1")
    with pytest.raises(ValueError, match="ttl_s"):
        await adapter.store.set("a", b"2", ttl_s=ttl_s)
    with pytest.raises(ValueError, match="ttl_s"):
        await adapter.store.increment("a", ttl_s=ttl_s)
    with pytest.raises(ValueError, match="ttl_s"):
        await adapter.store.expire("a", ttl_s)
    assert await adapter.store.get("a") == b"1"


async def test_a_full_memory_store_drops_the_least_recently_used() -> None:
    store = MemoryStore(Clock(), max_bytes=1000)
    for key in "abcd":
        await store.set(key, b"x" * 40)
    assert await store.get("a") is not None
    await store.set("e", b"x" * 40)
    assert [key for key in "abcde" if await store.get(key) is not None] == ["a", "c", "d", "e"]


async def test_expired_entries_make_room_first() -> None:
    clock = Clock()
    store = MemoryStore(clock, max_bytes=1000)
    await store.set("a", b"x" * 40)
    for key in "bcd":
        await store.set(key, b"x" * 40, ttl_s=1)
    clock.now += 2
    for key in "efg":
        await store.set(key, b"x" * 40)
    assert [key for key in "abcdefg" if await store.get(key) is not None] == ["a", "e", "f", "g"]


async def test_a_value_larger_than_the_memory_store_is_an_error() -> None:
    store = MemoryStore(Clock(), max_bytes=1000)
    with pytest.raises(StoreError, match="larger than the store"):
        await store.set("a", b"x" * 1000)


async def test_a_closed_memory_store_is_empty() -> None:
    store = MemoryStore(Clock())
    await store.set("a", b"1")
    await store.aclose()
    assert await store.get("a") is None
