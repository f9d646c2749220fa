"""gRPC service: runs the built-in tools under limits."""
