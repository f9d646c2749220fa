"""Requests that no ladder serves: chat without tools, passthrough mode, and the endpoints besides chat."""
