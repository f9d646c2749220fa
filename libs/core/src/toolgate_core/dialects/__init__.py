"""Dialects: the text forms in which models write tool calls, as data on one engine."""
