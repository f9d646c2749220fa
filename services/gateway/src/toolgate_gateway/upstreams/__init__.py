"""Upstreams: routes of models, transports, replicas and discovery. To add a provider, add its row in `table`."""
