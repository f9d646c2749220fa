"""`toolgate config check`: check whether a gateway starts with these settings."""

from __future__ import annotations

import sys
from argparse import Namespace

from toolgate_core.types.errors import ToolgateError
from toolgate_gateway.server.compose import providers
from toolgate_gateway.server.notices import start_warnings
from toolgate_gateway.settings import GatewaySettings
from toolgate_runtime.settings import Source, load_from
from toolgate_runtime.settingwarnings import origins_of
from toolgate_runtime.tls import check_identity

from toolgate_cli.failure import CommandError


def run(options: Namespace) -> int:
    """Run the command: 0 where a gateway would start, 1 with --strict and a warning; raise `CommandError` otherwise."""
    try:
        source = Source(GatewaySettings, options.file or options.config or "")
        settings = load_from(source, GatewaySettings, {})
        _check_files(settings)
    except ToolgateError as error:
        raise CommandError(str(error)) from error
    warnings = start_warnings(source, settings, {})
    for text in warnings:
        print(f"warning: {text}", file=sys.stderr)
    origins = ", ".join(origins_of(source, GatewaySettings, {})) or "all defaults"
    print(f"ok: {len(settings.upstream_configs())} upstreams, {len(settings.models)} models; {origins}")
    return int(options.strict and bool(warnings))


def _check_files(settings: GatewaySettings) -> None:
    """Read the files that settings name, as a start does; raise `CommandError` or a core error."""
    providers(settings)
    try:
        settings.client_keys()
    except OSError as error:
        raise CommandError(f"api_keys_file: {error.filename}: {error.strerror}") from error
    check_identity(settings.tls_dir)
