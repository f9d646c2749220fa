"""Anthropic's Messages API: so far its errors, for requests that are forwarded to an upstream that speaks it."""
