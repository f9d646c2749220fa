"""Start and shutdown of the gateway: its app, its dependencies, and its sockets."""
