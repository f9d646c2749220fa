"""gRPC service: runs the built-in tools under limits. To add a tool: `tools/`."""
