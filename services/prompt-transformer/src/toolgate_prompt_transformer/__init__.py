"""gRPC service: a chat request in, the upstream request and the plan for its answer out."""
