"""The OpenAI-compatible gateway: HTTP surface, ladder driver, upstream providers."""
