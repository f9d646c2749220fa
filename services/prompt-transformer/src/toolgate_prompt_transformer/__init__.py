"""gRPC service: turns a chat request into the upstream request and the plan for its answer."""
