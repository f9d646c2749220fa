"""A request's body to a validated request."""

from toolgate_core.request.parsing import parse_request

__all__ = ["parse_request"]
