"""gRPC service: what a model wrote in, text and tool calls out."""
