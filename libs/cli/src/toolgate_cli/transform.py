"""`toolgate transform`: a chat request to what a strategy would send upstream, and how its answer would be read."""

from __future__ import annotations

import sys
from argparse import Namespace

import msgspec
from toolgate_core.dialects.table import find_dialect
from toolgate_core.strategies.base import Transform
from toolgate_core.strategies.table import STRATEGIES, transform
from toolgate_core.types.errors import RequestError
from toolgate_core.types.vocabulary import Strategy
from toolgate_formats.api.openai_chat import parse_request
from toolgate_formats.codecs.openai_chat.request import request_body

from toolgate_cli.dialect import unknown_dialect
from toolgate_cli.failure import CommandError
from toolgate_cli.source import read_bytes


def run(options: Namespace) -> int:
    """Run the command."""
    dialect = find_dialect(options.dialect)
    if dialect is None:
        raise CommandError(unknown_dialect(options.dialect))
    strategy = Strategy(options.strategy)
    try:
        transformed = transform(
            Transform(
                request=parse_request(read_bytes(options.file)),
                strategy=strategy,
                dialect=dialect.name,
                constrained=options.constrained and STRATEGIES[strategy].grammar != "never",
                draft=options.draft,
            )
        )
    except RequestError as error:
        raise CommandError(f"{error}{f' (param {error.param})' if error.param else ''}") from error
    body = msgspec.Raw(request_body(transformed.request, stream=False))
    written = msgspec.json.encode({"body": body, "plan": transformed.plan})
    sys.stdout.write(msgspec.json.format(written, indent=2).decode() + "\n")
    return 0
