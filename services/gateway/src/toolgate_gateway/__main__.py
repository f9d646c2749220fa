"""The gateway as a process."""

from __future__ import annotations

import sys

import uvloop
from toolgate_runtime.errors import StartError
from toolgate_runtime.logs import configure
from toolgate_runtime.settings import EXIT_STATUS, SettingsError, load_or_exit

from toolgate_gateway.server.compose import remote_deps
from toolgate_gateway.server.notices import start_warnings
from toolgate_gateway.server.serve import serve
from toolgate_gateway.settings import GatewaySettings


def main() -> int:
    """Serve until SIGTERM or SIGINT; return the exit status: 0, 1 for a failed start, 2 for wrong settings."""
    settings, source = load_or_exit(GatewaySettings)
    log = configure(settings.service, level=settings.log_level, debug=settings.debug, show_content=settings.log_content)
    for text in start_warnings(source, settings, {}):
        log.warning("setting", text=text)
    try:
        uvloop.run(serve(settings, remote_deps))
    except (StartError, SettingsError) as error:
        print(f"toolgate-gateway: {error}", file=sys.stderr)
        return EXIT_STATUS if isinstance(error, SettingsError) else 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
