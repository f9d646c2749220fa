"""A request's body to a validated request."""

from toolgate_core.request.parsing import is_heavy, parse_request

__all__ = ["is_heavy", "parse_request"]
