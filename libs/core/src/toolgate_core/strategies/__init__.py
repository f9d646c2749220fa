"""Strategies: ways to get a tool call from a model. To add one, add a module here and its row in `table`."""
