"""Which upstream serves a name, and with which policy."""

import asyncio
from typing import Any

import pytest
from toolgate_core.jsontext import JsonObject, JsonValue
from toolgate_core.presets import PRESETS
from toolgate_core.types.errors import FailureError
from toolgate_core.types.failures import Failure, FailureKind
from toolgate_core.types.vocabulary import Strategy
from toolgate_gateway.settings import ModelEntry
from toolgate_gateway.upstreams.config import UpstreamConfig
from toolgate_gateway.upstreams.registry import ModelRegistry, Upstream
from toolgate_gateway.upstreams.table import create_provider

from tests.support.upstream import Reply, Request, answer, scripted


class Listing:
    """A provider that only lists; it counts how often it is asked."""

    def __init__(self, *names: str, owner: str = "us", failure: Failure | None = None) -> None:
        self.name = "listing"
        self.cards: list[JsonObject] = [{"id": name, "created": 3, "owned_by": owner} for name in names]
        self.failure = failure
        self.asked = 0

    async def models(self) -> list[JsonObject] | Failure:
        self.asked += 1
        await asyncio.sleep(0)
        return self.failure or self.cards

    async def call(self, *args: Any, **more: Any) -> Any:
        raise NotImplementedError

    async def forward(self, *args: Any, **more: Any) -> Any:
        raise NotImplementedError

    async def aclose(self) -> None:
        return None


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def table(
    configured: dict[str, ModelEntry] | None = None, clock: Clock | None = None, **upstreams: Listing
) -> ModelRegistry:
    served = {name: Upstream(provider=provider) for name, provider in upstreams.items()}
    return ModelRegistry(served, configured or {}, clock=clock or Clock(), created=1)


async def test_aliases_come_before_listed_names_and_upstreams_in_order() -> None:
    models = table({"b": ModelEntry(upstream="two", model="x")}, one=Listing("a", "b"), two=Listing("a", "c"))
    await models.refresh()
    routes = {name: await models.find(name) for name in ("a", "b", "c", "two@a", "two@made-up")}
    assert {name: (route.upstream, route.model) for name, route in routes.items()} == {
        "a": ("one", "a"),
        "b": ("two", "x"),
        "c": ("two", "c"),
        "two@a": ("two", "a"),
        "two@made-up": ("two", "made-up"),
    }
    assert models.labels == ["b", "a", "c"]
    assert [card["id"] for card in models.cards()] == ["a", "b", "c"]


async def test_presets_capabilities_and_overrides_make_the_policy() -> None:
    entry = ModelEntry(model="gpt-oss-20b", policy={"max_choices": 2, "capabilities": {"strict": True}})
    models = table({"alias": entry, "plain": ModelEntry(model="x", preset="text-only")}, one=Listing("x", owner="vllm"))
    before = await models.find("alias")
    await models.refresh()
    policy = (await models.find("alias")).policy
    assert (policy.auto_start, policy.max_choices, policy.capabilities.strict) == (Strategy.BRIDGE, 2, True)
    assert policy.retries == PRESETS["gpt-oss"].retries
    assert (await models.find("plain")).policy.capabilities.skip_special_tokens
    assert (await models.find("alias")).knowledge is before.knowledge


@pytest.mark.parametrize(
    ("entry", "owner", "dialects"),
    [
        (ModelEntry(model="Qwen/Qwen3-8B"), "us", ("hermes", "hermes")),
        (ModelEntry(model="Qwen/Qwen2.5-Coder-7B-Instruct"), "vllm", ("qwen25", "qwen25")),
        (ModelEntry(model="moonshotai/Kimi-K2.5"), "us", ("function_calls", "kimi_k2")),
        (ModelEntry(model="moonshotai/Kimi-K2.5"), "vllm", ("kimi_k2", "kimi_k2")),
        (ModelEntry(model="openai/gpt-oss-20b"), "vllm", ("function_calls", "harmony")),
        (ModelEntry(model="own"), "us", ("function_calls", "auto")),
        (ModelEntry(model="own", policy={"dialect": "glm45"}), "us", ("glm45", "glm45")),
        (ModelEntry(model="Qwen/Qwen3-8B", policy={"dialect": "function_calls"}), "us", ("function_calls", "hermes")),
        (ModelEntry(model="Qwen/Qwen3-8B", policy={"native_dialect": "xlam"}), "us", ("hermes", "xlam")),
    ],
)
async def test_a_models_family_decides_its_dialects_unless_configured(
    entry: ModelEntry, owner: str, dialects: tuple[str, str]
) -> None:
    models = table({"alias": entry}, one=Listing(str(entry.model), owner=owner))
    await models.refresh()
    policy = (await models.find("alias")).policy
    assert (policy.dialect, policy.native_dialect) == dialects


@pytest.mark.parametrize(
    ("version", "strict"),
    [
        ("0.32.0", True),
        ("0.24.0rc1.dev3+g12", True),
        ("1.0", True),
        ("0.23.9", False),
        ("0.9.2", False),
        ("dev", False),
        (None, False),
        (24, False),
    ],
)
async def test_strict_is_on_where_the_version_of_vllm_knows_it(version: JsonValue, strict: bool) -> None:
    cards = {"object": "list", "data": [{"id": "a", "owned_by": "vllm", "toolgate_server_version": "9.9"}]}

    def serve(request: Request) -> Reply:
        if request.path != "/version":
            return answer(cards if request.path == "/v1/models" else {})
        return answer(b"no" if version is None else {"version": version})

    async with scripted(serve) as upstream:
        provider = create_provider(UpstreamConfig(name="one", url=upstream.url))
        models = ModelRegistry({"one": Upstream(provider=provider)}, {}, clock=Clock(), created=1)
        await models.refresh()
        assert (await models.find("a")).policy.capabilities.strict is strict
        assert "toolgate_server_version" not in (await models.card("a"))
        await provider.aclose()


async def test_a_server_that_was_upgraded_is_asked_for_what_it_knows_now() -> None:
    listing = Listing("a", owner="vllm")
    models = table(one=listing)
    await models.refresh()
    before = await models.find("a")
    listing.cards = [{**listing.cards[0], "toolgate_server_version": "0.32.0"}]
    await models.refresh()
    after = await models.find("a")
    assert (before.policy.capabilities.strict, after.policy.capabilities.strict) == (False, True)
    assert after.knowledge is before.knowledge


@pytest.mark.parametrize("key", ["root", "parent"])
async def test_a_model_of_any_name_has_the_family_of_what_it_was_loaded_from(key: str) -> None:
    listing = Listing("running-model")
    listing.cards[0] |= {"root": "/models/running", "parent": None, key: "zai-org/GLM-4.6"}
    models = table(one=listing)
    await models.refresh()
    assert (await models.find("running-model")).policy.dialect == "glm"


async def test_an_unknown_name_asks_again_but_not_without_end() -> None:
    clock, listing = Clock(), Listing("a")
    models = table(clock=clock, one=listing)
    for _ in range(5):
        with pytest.raises(FailureError) as caught:
            await models.find("b")
        assert (caught.value.failure.kind, caught.value.failure.code) == (FailureKind.NOT_FOUND, "model_not_found")
    assert listing.asked == 1
    listing.cards.append({"id": "b"})
    clock.now += 5
    assert (await models.find("b")).model == "b"


async def test_names_asked_for_at_once_share_one_question() -> None:
    listing = Listing("a")
    models = table(one=listing)
    routes = await asyncio.gather(*(models.find("a") for _ in range(20)))
    assert {route.model for route in routes} == {"a"}
    assert listing.asked == 1


async def test_where_an_upstream_is_down_an_unknown_name_may_exist() -> None:
    down = Failure(kind=FailureKind.UNREACHABLE, message="no connection", origin="connect_error")
    models = table(one=Listing(failure=down))
    with pytest.raises(FailureError) as caught:
        await models.find("a")
    assert (caught.value.failure.kind, caught.value.failure.code) == (FailureKind.UNAVAILABLE, "upstream_unreachable")
    assert models.health() == {"one": False}


async def test_an_upstream_without_a_list_takes_any_name() -> None:
    models = table(one=Listing(failure=Failure(kind=FailureKind.NO_ENDPOINT, message="not found", origin="404")))
    assert (await models.find("anything")).model == "anything"


async def test_made_up_names_are_kept_once_served_and_bounded() -> None:
    models = table(one=Listing("a"))
    for number in range(3000):
        route = await models.find(f"one@{number}")
        assert models.lookup(f"one@{number}") is not route
        models.keep(f"one@{number}", route)
    assert (await models.find("one@2999")) is (await models.find("one@2999"))
    assert (await models.find("one@0")) is not (await models.find("one@0"))
    assert (await models.find("one@0")).model == "0"


@pytest.mark.parametrize("name", ["x" * 257, "one@" + "qwen" * 100_000, "a/" * 200])
async def test_a_name_that_is_too_long_is_refused_before_any_look_up(name: str) -> None:
    one = Listing("a")
    models = table(one=one)
    for ask in (models.find, models.card):
        with pytest.raises(FailureError) as caught:
            await ask(name)
        failure = caught.value.failure
        assert (failure.kind, failure.code, failure.param) == (FailureKind.INVALID, "string_above_max_length", "model")
        assert len(caught.value.failure.message) < 200
    assert one.asked == 0


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("gpt-oss-20", "Did you mean 'openai/gpt-oss-20b'? Available models: openai/gpt-oss-20b, qwen3-8b."),
        ("gpt-oss-20b", "Did you mean 'openai/gpt-oss-20b'?"),
        ("GPT-OSS-20B", "Did you mean 'openai/gpt-oss-20b'?"),
        ("other/gpt-oss-20b", "Did you mean 'openai/gpt-oss-20b'?"),
        ("qwen3-8", "Did you mean 'qwen3-8b'?"),
        ("zebra", "does not exist. Available models: openai/gpt-oss-20b, qwen3-8b."),
        ("", "Available models:"),
    ],
)
async def test_an_unknown_model_names_the_nearest_and_the_list(name: str, expected: str) -> None:
    models = table(one=Listing("openai/gpt-oss-20b", "qwen3-8b"))
    with pytest.raises(FailureError) as caught:
        await models.find(name)
    assert (caught.value.failure.kind, caught.value.failure.code) == (FailureKind.NOT_FOUND, "model_not_found")
    assert expected in caught.value.failure.message


async def test_the_list_in_an_error_is_bounded() -> None:
    models = table(one=Listing(*(f"model-{number:04}" for number in range(3000))))
    with pytest.raises(FailureError) as caught:
        await models.find("x" * 256)
    assert "and 2980 more" in caught.value.failure.message
    assert len(caught.value.failure.message) < 1000


async def test_fields_that_vllm_adds_to_a_model_stay() -> None:
    one = Listing()
    fields: JsonObject = {"max_model_len": 4096, "root": "org/base", "parent": None}
    one.cards = [{"id": "a", **fields}, {"id": "b", "max_model_len": {"x": 1}, "root": "r" * 5000, "parent": "a"}]
    models = table(one=one)
    await models.refresh()
    a, b = models.cards()
    assert {key: a[key] for key in fields} == fields
    assert ("max_model_len" in b, "root" in b, b["parent"]) == (False, False, "a")
    assert await models.card("a") == a


async def test_a_server_is_not_taken_for_vllm_by_the_name_of_its_upstream() -> None:
    cards = {"object": "list", "data": [{"id": "a"}, {"id": "b", "owned_by": "vllm"}]}
    async with scripted(lambda _: answer(cards)) as upstream:
        provider = create_provider(UpstreamConfig(name="vllm", url=upstream.url))
        models = ModelRegistry({"vllm": Upstream(provider=provider)}, {}, clock=lambda: 0.0, created=0)
        await models.refresh()
        known = [(await models.find(name)).policy.capabilities.skip_special_tokens for name in ("a", "b")]
        await provider.aclose()
    assert known == [False, True]
    assert [card["owned_by"] for card in models.cards()] == ["vllm", "vllm"]


async def test_an_upstream_that_is_found_later_brings_its_models_with_its_policy() -> None:
    models = table(one=Listing("a"))
    await models.refresh()
    models.add("two", Upstream(provider=Listing("b"), preset="gpt-oss", policy={"auto_start": "bridge"}))
    assert models.unlisted()
    await models.refresh()
    assert not models.unlisted()
    assert models.labels == ["a", "b"]
    policy = (await models.find("b")).policy
    assert (policy.auto_start, policy.ladder) == (Strategy.BRIDGE, PRESETS["gpt-oss"].ladder)


async def test_removing_an_upstream_removes_its_models_alone() -> None:
    models = table(one=Listing("a", "both"), two=Listing("b", "both"))
    await models.refresh()
    await models.find("one@a")
    models.remove("one")
    assert models.labels == ["b", "both"]
    assert (await models.find("both")).upstream == "two"
    with pytest.raises(FailureError) as caught:
        await models.find("one@a")
    assert caught.value.failure.kind is FailureKind.NOT_FOUND


async def test_a_changed_configuration_counts_at_once() -> None:
    models = table(one=Listing("a"))
    await models.refresh()
    before = await models.find("a")
    models.add("one", Upstream(provider=before.provider, policy={"auto_start": "two_pass"}))
    assert [(await models.find("a")).policy.auto_start, before.policy.auto_start] == [
        Strategy.TWO_PASS,
        Strategy.NATIVE,
    ]


async def test_a_listing_that_runs_includes_an_upstream_added_meanwhile() -> None:
    models = table(one=Listing("a"))
    asking = asyncio.create_task(models.refresh())
    await asyncio.sleep(0)
    models.add("two", Upstream(provider=Listing("b")))
    await models.refresh()
    await asking
    assert models.labels == ["a", "b"]


async def test_an_alias_of_an_upstream_that_is_not_there_yet_waits_for_it() -> None:
    models = table({"assistant": ModelEntry(upstream="two", model="b")}, one=Listing("a"))
    await models.refresh()
    with pytest.raises(FailureError):
        await models.find("assistant")
    models.add("two", Upstream(provider=Listing("b")))
    assert (await models.find("assistant")).model == "b"
    models.remove("two")
    assert models.lookup("assistant") is None
