"""A request to a model, made of a chat body as a strategy that changes nothing makes it."""

from __future__ import annotations

import json
from collections.abc import Mapping

from toolgate_core.types.requests import ModelRequest, model_request
from toolgate_formats.api.openai_chat import parse_request


def asking(body: Mapping[str, object]) -> ModelRequest:
    """Return the request that a valid body asks for."""
    return model_request(parse_request(json.dumps(body, separators=(",", ":")).encode()))
