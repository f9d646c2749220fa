"""gRPC service: extracts text, reasoning and tool calls from a model's text."""
