"""Settings: one frozen object per service, read once, at its start.

A setting is a field of a `Settings` class, declared with `setting(...)`. Its value comes from, the first wins:

1. an argument (a command line's option);
2. the environment: `TOOLGATE_<NAME>`, then the setting's aliases, in their order;
3. `.env` in the working directory, by the same names;
4. the YAML file that `TOOLGATE_CONFIG` names, by the field's own name;
5. its default.

The constructor itself reads nothing: `load` does. An empty variable counts as unset, but for keys of clients: there it
is an error, else it would open the gateway. A value that is wrong, and a key of the file that no setting has, stops the
start with one line that names it. What is allowed and probably a mistake is a warning
(`toolgate_runtime.settingwarnings`): a variable `TOOLGATE_*` that no service has, an alias in `.env`, a value that is
implausible for its unit.
"""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeAlias, TypeVar, get_args, get_origin

import yaml
from dotenv import dotenv_values
from msgspec import Struct
from pydantic import ValidationError
from pydantic.fields import Field, FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from toolgate_core.jsontext import JsonTextError, decode
from toolgate_core.types.errors import ToolgateError

from toolgate_runtime.logs import is_secret

PREFIX = "TOOLGATE_"
CONFIG = "TOOLGATE_CONFIG"
ENVIRONMENT = "environment"
DOTENV = ".env"
EXIT_STATUS = 2
"""The exit status of a service with invalid settings."""


class SettingsError(ToolgateError):
    """A setting is wrong; the message is one line that names it."""


def setting(
    default: Any,
    meaning: str,
    *,
    unit: str = "",
    aliases: tuple[str, ...] = (),
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    min_length: int | None = None,
    plausible: tuple[float, float] | None = None,
    never_empty: bool = False,
) -> Any:
    """Declare a setting: default (or its factory), one sentence of meaning, unit, aliases, and bounds.

    `plausible`: outside of it (in the setting's unit) a value is allowed and warned about; unset: by the unit.
    `never_empty`: a variable that is set must not be empty; for other settings an empty variable counts as unset.
    """
    extra: dict[str, Any] = {
        "unit": unit,
        "aliases": list(aliases),
        "plausible": list(plausible or ()),
        "never_empty": never_empty,
    }
    source: dict[str, Any] = {"default_factory": default} if callable(default) else {"default": default}
    return Field(**source, description=meaning, json_schema_extra=extra, ge=ge, gt=gt, le=le, min_length=min_length)


class Settings(BaseSettings):
    """Settings of every service."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", validate_default=True)

    service: ClassVar[str] = "toolgate"
    """The service's name, in logs, metrics and the table of settings."""

    log_level: Literal["debug", "info", "warning", "error"] = setting("info", "Minimum log level.")
    debug: bool = setting(
        default=False, meaning="Log every stage of a request at level debug, without contents.", aliases=("DEBUG_MODE",)
    )
    log_content: bool = setting(default=False, meaning="Include prompts, answers and arguments in debug lines.")
    metrics: bool = setting(default=True, meaning="Serve /metrics on a separate port.")
    metrics_host: str = setting("127.0.0.1", "Address that the server of /metrics listens on.")
    metrics_port: int = setting(9090, "Port of /metrics; 0 selects a free one.", ge=0, le=65535)
    drain_s: float = setting(20.0, "Time limit of requests in flight after SIGTERM.", unit="seconds", ge=0, le=3600)
    health_grace_s: float = setting(
        0.0,
        "Time to keep serving after SIGTERM while health reports not serving, so that load balancers notice.",
        unit="seconds",
        ge=0,
        plausible=(0, 600),
    )

    tls_dir: str = setting(
        "",
        "Folder with tls.crt, tls.key and ca.crt for mutual TLS between gateway and services; renewed files are used"
        " without a restart. Empty: plain gRPC.",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is the library's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Use arguments only; `load` passes the values of other sources."""
        return (init_settings,)


class GrpcSettings(Settings):
    """Settings of every gRPC service."""

    grpc_port: int
    grpc_host: str = setting("127.0.0.1", "Address that the gRPC server listens on.")
    max_message_bytes: int = setting(
        16 * 1024 * 1024, "Maximum size of a gRPC message.", unit="bytes", ge=1024, le=1 << 30
    )
    max_concurrent_calls: int = setting(
        1000, "Maximum number of concurrent calls; more are rejected.", unit="calls", ge=1
    )
    max_call_s: float = setting(600.0, "Maximum duration of a call, regardless of its deadline.", unit="seconds", gt=0)
    max_connection_age_s: float = setting(
        0.0,
        "Maximum age of a client's connection, after which it finds new replicas; 0: unlimited.",
        unit="seconds",
        ge=0,
    )
    health_port: int = setting(
        0, "Port of a separate health server without TLS, for probes that have no certificate; 0: none.", ge=0, le=65535
    )


class Row(Struct, frozen=True):
    """One setting, as the documentation shows it."""

    service: str
    name: str
    aliases: tuple[str, ...]
    unit: str
    default: object
    meaning: str
    choices: tuple[str, ...] = ()


class Found(Struct, frozen=True):
    """A setting's raw value, the name under which it was found, and where: `environment`, `.env` or the file's path."""

    name: str
    place: str
    value: object

    @property
    def label(self) -> str:
        """Its name in errors and banners."""
        return self.name if self.place == ENVIRONMENT else f"{self.name} in {self.place}"


class Source(PydanticBaseSettingsSource):
    """Environment, `.env` and file, in this order, read once. Raises `SettingsError` for a file that is wrong."""

    def __init__(self, settings_cls: type[BaseSettings], config: str = "") -> None:
        """`config` is the path of the YAML file where a command line names one."""
        super().__init__(settings_cls)
        self.environment: Environment = [(dict(os.environ), ENVIRONMENT), (_read_dotenv(), DOTENV)]  # noqa: TID251 - the one place
        path = config or _config_path(self.environment)
        self._file, self.path = _read_file(path, settings_cls, "--config" if config else CONFIG)

    def find(self, name: str) -> Found | None:
        """Return the effective value of the field `name`."""
        extra = extra_of(self.settings_cls.model_fields[name])
        names = (PREFIX + name.upper(), *extra["aliases"])
        for variables, where in self.environment:
            for variable in names:
                text = variables.get(variable)
                if (text or (text is not None and extra["never_empty"])) and not is_service_link(variable, text):
                    return Found(variable, where, text)
        return Found(name, self.path, self._file[name]) if name in self._file else None

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Return a field's value; variables that hold lists and objects are decoded."""
        found = self.find(field_name)
        if found is None:
            return None, field_name, False
        value, decoded = found.value, False
        if isinstance(value, str) and self.field_is_complex(field):
            value, decoded = _decode(found.label, value), True
        if extra_of(field)["never_empty"] and (not value or (isinstance(value, str) and not value.strip())):
            raise SettingsError(f"{found.label}: it is set and empty")
        return value, field_name, decoded

    def __call__(self) -> dict[str, Any]:
        """Return every value that is set."""
        values = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in values.items() if value is not None}


Environment: TypeAlias = list[tuple[Mapping[str, str | None], str]]
_S = TypeVar("_S", bound=Settings)


def load(settings: type[_S], config: str = "", **given: Any) -> _S:
    """Return the settings of this process; raise `SettingsError` naming the first thing that is wrong.

    `given`: values that come before all others, as a command line's do; `config`: the file, in the same way.
    """
    return load_from(Source(settings, config), settings, given)


def load_from(source: Source, settings: type[_S], given: Mapping[str, Any]) -> _S:
    """Return the settings from `given` and `source`; raise `SettingsError`."""
    try:
        return settings(**{**source(), **given})
    except ValidationError as error:
        raise SettingsError(_explain(source, error, given)) from error


def load_or_exit(settings: type[_S]) -> tuple[_S, Source]:
    """Return the settings of this process and their source, or print one line about the error and exit with 2."""
    try:
        source = Source(settings)
        return load_from(source, settings, {}), source
    except SettingsError as error:
        print(f"toolgate-{settings.service}: {error}", file=sys.stderr)
        raise SystemExit(EXIT_STATUS) from error


def rows(settings: type[Settings]) -> list[Row]:
    """Return the settings of a class, for the documentation."""
    return [
        Row(
            settings.service,
            PREFIX + name.upper(),
            tuple(extra_of(field)["aliases"]),
            extra_of(field)["unit"],
            field.get_default(call_default_factory=True, validated_data={}),
            field.description or "",
            get_args(field.annotation) if get_origin(field.annotation) is Literal else (),
        )
        for name, field in settings.model_fields.items()
    ]


_NO_EXTRA: dict[str, Any] = {"unit": "", "aliases": [], "plausible": [], "never_empty": False}


def extra_of(field: FieldInfo) -> dict[str, Any]:
    """Return what `setting` notes of a field: unit, aliases, plausible."""
    extra = field.json_schema_extra
    return extra if isinstance(extra, dict) else _NO_EXTRA


def is_service_link(variable: str, text: str) -> bool:
    """Whether Kubernetes made this variable: beside a Service `toolgate`, every container gets `TOOLGATE_PORT`."""
    return variable.endswith("_PORT") and text.startswith(("tcp://", "udp://", "sctp://"))


def _read_dotenv() -> Mapping[str, str | None]:
    try:
        return dotenv_values(DOTENV)
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise SettingsError(f"cannot read {DOTENV} in the working directory: {reason}") from error


def _config_path(environment: Environment) -> str:
    return next((path for variables, _ in environment if (path := variables.get(CONFIG))), "")


def _read_file(path: str, settings_cls: type[BaseSettings], label: str) -> tuple[Mapping[str, object], str]:
    if not path:
        return {}, ""
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise SettingsError(f"{label}: cannot read {path}: {reason}") from error
    except yaml.YAMLError as error:
        raise SettingsError(f"{label}: {path} is not YAML: {' '.join(str(error).split())}") from error
    if content is None:
        return {}, path
    if not isinstance(content, dict):
        raise SettingsError(f"{label}: {path} must contain a mapping at the top level")
    for key in content:
        if key not in settings_cls.model_fields:
            near = difflib.get_close_matches(str(key), settings_cls.model_fields, n=1)
            hint = f", did you mean {near[0]!r}?" if near else ""
            raise SettingsError(f"{label}: {path} has the unknown key {key!r}{hint}")
    return content, path


def _decode(label: str, text: str) -> object:
    """Read a list or an object from a variable: JSON, or words between commas."""
    if text.lstrip()[:1] in ("[", "{"):
        try:
            return decode(text)
        except JsonTextError as error:
            raise SettingsError(f"{label}: not JSON: {error}") from error
    return [word.strip() for word in text.split(",") if word.strip()]


def _explain(source: Source, error: ValidationError, given: Mapping[str, Any]) -> str:
    """Put the first error of a validation into one line; the value itself is shown for plain, short ones only."""
    first = error.errors(include_url=False, include_context=False)[0]
    message = " ".join(first["msg"].removeprefix("Value error, ").split())
    if not first["loc"]:
        return message
    name, *inner = first["loc"]
    field = source.settings_cls.model_fields.get(str(name))
    found = source.find(str(name)) if field and name not in given else None
    label = found.label if found else str(name)
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in inner).lstrip(".")
    value = first["input"]
    secret = is_secret(f"{name}.{path}") or (field is not None and "Secret" in str(field.annotation))
    # A URL may hold a password before its host.
    shown = isinstance(value, str | int | float) and len(str(value)) <= 80 and not secret and "@" not in str(value)
    return f"{label}: {path + ': ' if path else ''}{message}{f' (got {value!r})' if shown else ''}"
