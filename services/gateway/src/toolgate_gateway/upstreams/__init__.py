"""Upstreams: which one serves a model, how it is reached, its replicas, and their discovery."""
