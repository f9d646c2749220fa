"""The model registry: which upstream serves a model, under which name and policy.

A name is looked up as a configured alias, then as `upstream@model`, then among the models that the upstreams list. The
lists are fetched in the background, and once more for an unknown name.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import cast

import msgspec
from toolgate_core.dialects.families import dialect_to_prompt, family_of
from toolgate_core.jsontext import JsonObject, JsonValue
from toolgate_core.ladder import LadderMemory, LearnedKnowledge
from toolgate_core.limits import MAX_MODEL_NAME, MAX_REMEMBERED_MODELS
from toolgate_core.presets import PRESETS, preset_name
from toolgate_core.types.errors import FailureError, RequestError
from toolgate_core.types.failures import Failure, FailureKind
from toolgate_core.types.policy import Policy
from toolgate_formats.api.openai_chat.listings import model_object
from toolgate_formats.profiles.base import capabilities_of
from toolgate_formats.profiles.table import PROFILES

from toolgate_gateway.settings import ModelEntry
from toolgate_gateway.upstreams.base import Provider
from toolgate_gateway.upstreams.nearest import known_names

_KEPT_FIELDS = tuple(dict.fromkeys(field for profile in PROFILES for field in profile.card_fields))
"""Fields of model objects that clients get, beside OpenAI's."""
_MAX_FIELD_CHARS = 1024
_REFRESH_PAUSE_S = 2.0
"""Minimum time between two listings that unknown names cause. Seconds."""


class Upstream(msgspec.Struct, frozen=True, kw_only=True):
    """A provider and its configuration. `preset` and `policy` apply to all models that it lists."""

    provider: Provider
    capabilities: dict[str, JsonValue] = {}
    preset: str | None = None
    policy: dict[str, JsonValue] = {}


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """Where a model's requests go. `model` is the upstream's own name, `label` the name in metrics."""

    name: str
    model: str
    label: str
    upstream: str
    provider: Provider
    policy: Policy
    knowledge: LearnedKnowledge


class ModelRegistry:
    """The models of all upstreams, and the routes to them."""

    def __init__(
        self,
        upstreams: Mapping[str, Upstream],
        configured: Mapping[str, ModelEntry],
        *,
        clock: Callable[[], float],
        created: int,
    ) -> None:
        self._upstreams = dict(upstreams)
        self._clock = clock
        self._created = created
        self._cards: dict[str, dict[str, JsonObject]] = {}
        self._aliases = configured
        self._configured: dict[str, Route] = {}
        self._configure()
        self._listed: dict[str, Route] = {}
        self._named: dict[str, Route] = {}
        self._failures: dict[str, Failure] = {}
        self._listed_at = float("-inf")
        self._listing: asyncio.Task[None] | None = None
        self._listed_upstreams: frozenset[str] = frozenset()

    def add(self, name: str, upstream: Upstream) -> None:
        """Add an upstream, or replace its configuration. Its models are known after the next listing."""
        self._upstreams[name] = upstream
        self._forget_routes(name)

    def remove(self, name: str) -> None:
        """Forget an upstream and its models. Requests that have their route already keep it."""
        for table in (self._upstreams, self._cards, self._failures):
            table.pop(name, None)
        self._forget_routes(name)

    def _forget_routes(self, upstream: str) -> None:
        self._named = {name: route for name, route in self._named.items() if route.upstream != upstream}
        self._listed = {name: route for name, route in self._listed.items() if route.upstream != upstream}
        self._rebuild_routes()

    def unlisted(self) -> bool:
        """Whether the models of some upstream are unknown or outdated."""
        return any(name not in self._cards or name in self._failures for name in self._upstreams)

    @property
    def labels(self) -> list[str]:
        """Return the names of models that metrics use unchanged."""
        return [*self._configured, *(name for name in self._listed if name not in self._configured)]

    @property
    def failures(self) -> Mapping[str, Failure]:
        """The failures of the last listing, by upstream."""
        return self._failures

    def health(self) -> dict[str, bool]:
        """Return whether the last listing of each upstream succeeded (true before the first)."""
        return {name: name not in self._failures for name in self._upstreams}

    def cards(self) -> list[JsonObject]:
        """Return OpenAI's model objects."""
        return [self._card(name, route) for name, route in {**self._listed, **self._configured}.items()]

    async def card(self, name: str) -> JsonObject:
        """Return one model object; raise as `find` does."""
        return self._card(name, await self.find(name))

    async def find(self, name: str) -> Route:
        """Return a model's route; raise `RequestError` for an unknown one, `FailureError` if an upstream is down."""
        route = self.lookup(name)
        if route is None and self._upstreams:
            if self._clock() - self._listed_at >= _REFRESH_PAUSE_S or self._listing is not None:
                await self.refresh()
            route = self.lookup(name) or self._route_to_unlisted(name)
        if route is None:
            raise self._unknown(name)
        return route

    async def refresh(self) -> None:
        """List the models of all upstreams; concurrent callers share one listing."""
        while True:
            if self._listing is None:
                self._listed_upstreams = frozenset(self._upstreams)
                self._listing = asyncio.get_running_loop().create_task(self._list_all(dict(self._upstreams)))
            upstreams_listed = self._listed_upstreams
            # A caller that is cancelled must not cancel the listing of the others.
            await asyncio.shield(self._listing)
            if self._upstreams.keys() <= upstreams_listed:
                return

    async def _list_all(self, upstreams: Mapping[str, Upstream]) -> None:
        try:
            await asyncio.gather(*(self._list_one(name, upstream) for name, upstream in upstreams.items()))
        finally:
            self._listed_at = self._clock()
            self._listing = None
        self._rebuild_routes()

    def _rebuild_routes(self) -> None:
        """Build the routes of configured and listed models."""
        self._configure()
        listed = {model: name for name in reversed(list(self._upstreams)) for model in self._cards.get(name, {})}
        self._listed = {model: self._listed_route(model, listed[model]) for model in sorted(listed)}

    async def _list_one(self, name: str, upstream: Upstream) -> None:
        answer = await upstream.provider.models()
        if name not in self._upstreams:
            return
        if isinstance(answer, Failure):
            self._failures[name] = answer
            return
        self._failures.pop(name, None)
        self._cards[name] = {str(card["id"]): card for card in answer if card.get("id")}

    def lookup(self, name: str) -> Route | None:
        """Return a model's route if it is known; raise `RequestError` for a name that is too long."""
        if len(name) > MAX_MODEL_NAME:
            raise RequestError(
                f"The model's name is longer than {MAX_MODEL_NAME} characters.",
                code="string_above_max_length",
                param="model",
            )
        route = self._configured.get(name) or self._named.get(name)
        if route is not None:
            return route
        upstream, at, model = name.partition("@")
        if at and model and upstream in self._upstreams:
            return self._listed_route(model, upstream)
        return self._listed.get(name)

    def _listed_route(self, model: str, upstream: str) -> Route:
        configured = self._upstreams[upstream]
        route = self._route(model, model, upstream, configured.preset, configured.policy)
        known = self._listed.get(model)
        if known is None or known.upstream != upstream:
            return route
        # A new listing can show more than the previous one, if the server was upgraded.
        return known if known.policy == route.policy else msgspec.structs.replace(route, knowledge=known.knowledge)

    def _route_to_unlisted(self, name: str) -> Route | None:
        """Route an unknown name to an upstream that has no list of models; it decides whether the model exists."""
        for upstream, failure in self._failures.items():
            if failure.refused is not None or failure.kind is FailureKind.NO_ENDPOINT:
                return self._route(name, name, upstream, None, {})
        return None

    def keep(self, name: str, route: Route) -> None:
        """Remember a route that was served by the name that the client used; unserved names could be made up."""
        if name in self._named or name in self._configured or name in self._listed:
            return
        if len(self._named) >= MAX_REMEMBERED_MODELS:
            self._named.pop(next(iter(self._named)))
        self._named[name] = route

    def only_upstream(self) -> tuple[str, Provider]:
        """Return the only upstream, for a request without a model; raise `RequestError` if there are several."""
        if not self._upstreams:
            raise self._unknown("")
        if len(self._upstreams) > 1:
            raise RequestError("The request must name a model: several upstreams are configured.", param="model")
        [(name, upstream)] = self._upstreams.items()
        return name, upstream.provider

    def _configure(self) -> None:
        """Build the aliases' routes; again after each listing, which can show more capabilities."""
        before, self._configured = self._configured, {}
        for alias, config in self._aliases.items():
            upstream = config.upstream or next(iter(self._upstreams))
            if upstream not in self._upstreams:
                continue  # it can still be discovered
            route = self._route(alias, config.model or alias, upstream, config.preset, config.policy)
            known = before.get(alias)
            self._configured[alias] = msgspec.structs.replace(route, knowledge=known.knowledge) if known else route

    def _route(
        self, name: str, model: str, upstream: str, preset: str | None, overrides: Mapping[str, JsonValue]
    ) -> Route:
        policy = PRESETS[preset or preset_name(model)]
        capabilities = msgspec.to_builtins(policy.capabilities) | self._detect_capabilities(upstream, model)
        capabilities |= self._upstreams[upstream].capabilities
        own = dict(overrides)
        capabilities |= cast("JsonObject", own.pop("capabilities", {}))
        merged = {**msgspec.to_builtins(policy), **own, "capabilities": capabilities}
        policy = self._with_family_dialects(msgspec.convert(merged, Policy), upstream, model)
        return Route(
            name=name,
            model=model,
            label=name,
            upstream=upstream,
            provider=self._upstreams[upstream].provider,
            policy=policy,
            knowledge=LadderMemory(),
        )

    def _with_family_dialects(self, policy: Policy, upstream: str, model: str) -> Policy:
        """Return the policy with the dialects of the model's family where none are configured."""
        card = self._cards.get(upstream, {}).get(model, {})
        # vLLM lists the path that a model was loaded from (`root`), and the base model of an adapter (`parent`).
        names = (model, *(str(card[key]) for key in ("root", "parent") if card.get(key)))
        family = next(filter(None, map(family_of, names)), None)
        dialect = policy.dialect or dialect_to_prompt(family, special=policy.capabilities.skip_special_tokens)
        native = policy.native_dialect or (family.dialects[0] if family else policy.dialect or "auto")
        return msgspec.structs.replace(policy, dialect=dialect, native_dialect=native)

    def _detect_capabilities(self, upstream: str, model: str) -> JsonObject:
        """Return the capabilities that the server's profile knows, if the model object identifies the server."""
        return capabilities_of(self._cards.get(upstream, {}).get(model, {}), PROFILES)

    def _card(self, name: str, route: Route) -> JsonObject:
        card = self._cards.get(route.upstream, {}).get(route.model, {})
        created = card.get("created")
        kept: JsonObject = {key: card[key] for key in _KEPT_FIELDS if key in card and _is_short(card[key])}
        return model_object(
            name,
            created=created if isinstance(created, int) else self._created,
            owned_by=str(card.get("owned_by") or route.upstream),
            fields=kept,
        )

    def _unknown(self, name: str) -> FailureError:
        if self._failures:
            unreachable = ", ".join(sorted(self._failures))
            failure = Failure(
                kind=FailureKind.UNAVAILABLE,
                message=f"Cannot look up model {name!r}: upstream {unreachable} is unreachable.",
                code="upstream_unreachable",
            )
            return FailureError(failure)
        message = f"The model {name!r} does not exist." if self._upstreams else "No upstream is configured."
        message += known_names(name, self.labels)
        return RequestError(message, kind=FailureKind.NOT_FOUND, code="model_not_found")


def _is_short(value: JsonValue) -> bool:
    """Whether a field of a model object is short enough for clients."""
    return value is None or isinstance(value, int) or (isinstance(value, str) and len(value) <= _MAX_FIELD_CHARS)
