"""The entry point of the `toolgate` command."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

from toolgate_cli.failure import CommandError
from toolgate_cli.output import silence_stdout
from toolgate_cli.parser import build_parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0 done, 1 done with failures, 2 not started, 130 interrupted.

    A command's module is imported only when it runs, so that an offline command does not wait for servers to load.
    """
    options = build_parser().parse_args(arguments)
    try:
        status: int = import_module(options.module).run(options)
        sys.stdout.flush()
    except CommandError as error:
        print(f"toolgate {options.command}: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # The reader of our output has gone (`| head`): say nothing, also not when the interpreter flushes at exit.
        silence_stdout()
        return 1
    except OSError as error:
        silence_stdout()
        print(f"toolgate {options.command}: {error.strerror or error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return status


if __name__ == "__main__":
    sys.exit(main())
