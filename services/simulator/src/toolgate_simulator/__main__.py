"""The command `toolgate-simulator`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from toolgate_simulator.server import run
from toolgate_simulator.settings import Settings, SettingsError


def parse(arguments: Sequence[str]) -> Settings:
    """Return the settings that a command line gives."""
    parser = argparse.ArgumentParser(prog="toolgate-simulator", description="An upstream like vLLM, without a GPU.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8000, help="port, 0 for a free one (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="what draws depend on (default: %(default)s)")
    parser.add_argument(
        "--model",
        action="append",
        default=[],
        metavar="NAME[=PERSONA]",
        help="serve this model; again for more (default: every persona, under its aliases too)",
    )
    parser.add_argument("--personas", type=Path, metavar="FILE", help="YAML file with more personas")
    parser.add_argument(
        "--tokens-per-second", type=float, metavar="N", help="speed; 0 answers at once (default: the persona's)"
    )
    parser.add_argument(
        "--chunk-tokens", type=int, metavar="N", help="tokens in a streamed chunk (default: the persona's)"
    )
    given = parser.parse_args(arguments)
    return Settings(
        models=tuple(given.model),
        seed=given.seed,
        personas=given.personas,
        tokens_per_second=given.tokens_per_second,
        chunk_tokens=given.chunk_tokens,
        host=given.host,
        port=given.port,
    )


def main() -> None:
    """Run the simulator; one line of JSON on stdout says where it listens."""
    settings = parse(sys.argv[1:])

    def announce(port: int) -> None:
        line = {"service": "simulator", "url": f"http://{settings.host}:{port}/v1", "host": settings.host, "port": port}
        print(json.dumps(line), flush=True)

    try:
        run(settings, announce)
    except (SettingsError, OSError) as error:
        sys.exit(f"toolgate-simulator: {error}")


if __name__ == "__main__":
    main()
