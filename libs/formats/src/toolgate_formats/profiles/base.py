"""What a profile says about a kind of server, and how a server is recognised.

A server is recognised by the `owned_by` of its models, never by the name of a model or an upstream, which operators
choose freely. A server that is not recognised gets no capabilities beyond the presets' defaults. Errors are searched
for the phrases of all servers, because a proxy can be in front of any of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct
from toolgate_core.jsontext import JsonObject, JsonValue

VERSION_KEY = "toolgate_server_version"
"""Where the gateway keeps a server's version in the model objects that it lists. Clients never see it."""

Version = tuple[int, int]
"""Major and minor."""

_VERSION = re.compile(r"v?(\d{1,4})\.(\d{1,4})")


class Since(Struct, frozen=True):
    """Capabilities that a server has from a version on."""

    version: Version
    capabilities: Mapping[str, JsonValue]


class Profile(Struct, frozen=True, kw_only=True):
    """One kind of server.

    Attributes:
        name: what this project calls the server.
        owners: the values of `owned_by` in its list of models that identify it; empty: it is not recognised, and the
            row only contributes phrases.
        version_path: where the server reports `{"version": …}`; empty: nowhere.
        capabilities: fields of `Capabilities` that differ from their defaults, in every version.
        since: further capabilities, by version. They count only where the server reports its version.
        card_fields: fields of its model objects, beside OpenAI's, that clients get.
        unsupported: phrases (regular expressions) of errors by which it refuses a field or a feature in any request.
        schema: phrases by which it refuses the schemas of one request, or the grammar made of them.
        overflow: phrases by which it refuses a request that exceeds the context.
        schema_codes: error codes with the meaning of `schema`.
        overflow_params: values of an error's `param` with the meaning of `overflow`.
    """

    name: str
    owners: tuple[str, ...] = ()
    version_path: str = ""
    capabilities: Mapping[str, JsonValue] = {}
    since: tuple[Since, ...] = ()
    card_fields: tuple[str, ...] = ()
    unsupported: tuple[str, ...] = ()
    schema: tuple[str, ...] = ()
    overflow: tuple[str, ...] = ()
    schema_codes: tuple[str, ...] = ()
    overflow_params: tuple[str, ...] = ()

    def capabilities_at(self, version: Version | None) -> JsonObject:
        """Return the capabilities of a version; of an unknown one (None) those that every version has."""
        found: JsonObject = dict(self.capabilities)
        for row in self.since:
            if version is not None and version >= row.version:
                found.update(row.capabilities)
        return found


def find_profile(card: JsonObject, profiles: Sequence[Profile]) -> Profile | None:
    """Return the profile of the server that lists the model object `card`; None for an unknown server."""
    owner = card.get("owned_by")
    return next((profile for profile in profiles if owner in profile.owners), None)


def parse_version(text: str) -> Version | None:
    """Return the major and minor number of `0.24.1`, `v0.24`, `0.24.0rc1+cu130`; None for other texts."""
    match = _VERSION.match(text)
    return None if match is None else (int(match[1]), int(match[2]))


def capabilities_of(card: JsonObject, profiles: Sequence[Profile]) -> JsonObject:
    """Return the capabilities that a model object shows; empty for an unknown server.

    `card`: as the codec lists it, with the server's version under `VERSION_KEY` where it is known.
    """
    profile = find_profile(card, profiles)
    return {} if profile is None else profile.capabilities_at(parse_version(str(card.get(VERSION_KEY, ""))))


def phrases(groups: Iterable[Iterable[str]]) -> re.Pattern[str]:
    """Return one expression that finds any phrase of the groups, in any case; it finds nothing without phrases."""
    texts = [f"(?:{text})" for group in groups for text in group]
    return re.compile("|".join(texts) or r"(?!)", re.IGNORECASE)
