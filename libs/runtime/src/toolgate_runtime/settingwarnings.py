"""Warnings about settings that are valid and probably a mistake, one sentence each; and the origins of values.

Services share an environment, so that a variable of another service needs no warning: `SETTING_NAMES` has all of them.
Values are not shown, since a misspelt variable can contain a secret; only implausible numbers are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Final

from toolgate_runtime.settingnames import SETTING_NAMES
from toolgate_runtime.settings import DOTENV, PREFIX, Settings, Source, extra_of, is_service_link

OTHER_NAMES: Final = ("TOOLGATE_CONFIG", "TOOLGATE_API_KEY")
"""Variables that are not settings: the file, and the key that commands send."""
OTHER_PREFIXES: Final = ("TOOLGATE_SIMULATOR_", "TOOLGATE_E2E_")
_TWINS: Final = {"TOOLGATE_API_KEY": "api_keys"}
"""A variable of commands → the setting that it is mistaken for; without a warning the gateway would stay open."""
_UNUSED: Final = {
    "BACKEND_URL": "tools of an HTTP backend are not supported yet; the tool-executor's own tools run",
}
"""Variable of an older proxy → why Toolgate does not use it."""

# Kubernetes puts these into every container beside a Service whose name begins with "toolgate".
_SERVICE_LINK: Final = re.compile(
    r"_SERVICE_HOST$|_SERVICE_PORT(_\w+)?$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$"
)

_PLAUSIBLE: Final[dict[str, tuple[float, float]]] = {
    "milliseconds": (1_000, 3_600_000),
    "seconds": (0, 86_400),
    "bytes": (65_536, 1 << 40),
}
"""Bounds by unit, for settings that have none themselves: outside of them another unit was probably meant."""
_SECONDS: Final = {"milliseconds": 0.001, "seconds": 1.0}
_SPANS: Final = ((86_400.0, "days"), (3_600.0, "hours"), (60.0, "minutes"))


def warnings_of(source: Source, settings: Settings, given: Mapping[str, Any]) -> list[str]:
    """Return the warnings; `given` are the values that did not come from `source`."""
    return [
        *_unknown(source, settings),
        *_unused(source),
        *(
            text
            for name in type(settings).model_fields
            if name not in given
            for text in _doubts(source, settings, name)
        ),
    ]


def origins_of(source: Source, settings: type[Settings], given: Mapping[str, Any]) -> list[str]:
    """Return the name and origin of each value that is not a default; options of a command line first."""
    found = [each.label for name in settings.model_fields if name not in given and (each := source.find(name))]
    return [*(f"--{name.replace('_', '-')}" for name in given), *found]


def _unknown(source: Source, settings: Settings) -> Iterator[str]:
    known = {*SETTING_NAMES, *OTHER_NAMES, *(PREFIX + name.upper() for name in type(settings).model_fields)}
    for variables, where in source.environment:
        for name, text in variables.items():
            if not text or not name.upper().startswith(PREFIX) or name.startswith(OTHER_PREFIXES):
                continue
            twin = _TWINS.get(name)
            if twin is not None and twin in type(settings).model_fields and not getattr(settings, twin):
                yield f"{_at(name, where)} is only sent by commands; the gateway asks for {PREFIX}{twin.upper()}"
            elif name not in known and not _is_link(name, text):
                yield f"{_at(name, where)} is not a setting of any service{_hint(name)}"


def _hint(name: str) -> str:
    near = nearest(name)
    return f"; did you mean {near}?" if near else ""


def nearest(name: str) -> str:
    """Return the setting that a misspelt variable probably means; empty for none.

    The setting of which the name is an alias counts first, then one whose name only goes on (a unit that was left
    out), then one that is spelt alike.
    """
    name = name.upper()
    bare = name.removeprefix(PREFIX)
    for known, aliases in SETTING_NAMES.items():
        if bare in aliases:
            return known
    longer = sorted((known for known in SETTING_NAMES if known.startswith(f"{name}_")), key=len)
    # TOOLGATE_UPSTREAM_URL and TOOLGATE_UPSTREAM_API_KEY go on alike; the address is what one begins with.
    longer.sort(key=lambda known: not known.endswith("_URL"))
    return next(iter(longer or get_close_matches(name, [*SETTING_NAMES, *OTHER_NAMES], n=1, cutoff=0.75)), "")


def _unused(source: Source) -> Iterator[str]:
    for name, why in _UNUSED.items():
        for variables, where in source.environment:
            if variables.get(name):
                yield f"{_at(name, where)} is not used: {why}"
                break


def _doubts(source: Source, settings: Settings, name: str) -> Iterator[str]:
    """Yield the warnings about one setting that is set."""
    found = source.find(name)
    if found is None:
        return
    extra = extra_of(type(settings).model_fields[name])
    if found.place == DOTENV and not found.name.startswith(PREFIX):
        unit = f" ({extra['unit']})" if extra["unit"] else ""
        yield (
            f"{found.label} in the working directory is taken as {PREFIX}{name.upper()}{unit}; "
            "use that name there, or remove it if it belongs to another program"
        )
    low, high = extra["plausible"] or _PLAUSIBLE.get(extra["unit"], (0, 0))
    value = getattr(settings, name)
    if high and isinstance(value, int | float) and value and not low <= value <= high:
        yield f"{found.label}: {_amount(value, extra['unit'])}; is the unit right?"


def _amount(value: float, unit: str) -> str:
    text = f"{value:g} {unit}" if abs(value) < 1e6 else f"{value:.0f} {unit}"
    if unit == "bytes":
        return f"{text} is {value / 1024:.1f} KiB" if value < 1 << 20 else f"{text} is {value / (1 << 30):.1f} GiB"
    seconds = value * _SECONDS.get(unit, 1.0)
    size, word = next(((size, word) for size, word in _SPANS if seconds >= 2 * size), (1.0, "seconds"))
    # "10 seconds is 10 seconds" would say nothing.
    return text if word == unit else f"{text} is {seconds / size:.3g} {word}"


def _is_link(name: str, text: str) -> bool:
    return is_service_link(name, text) or _SERVICE_LINK.search(name) is not None


def _at(name: str, where: str) -> str:
    return f"{name} in {where}" if where == DOTENV else name
