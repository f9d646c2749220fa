"""Starting and stopping the gateway: its app, its parts put together, the sockets it listens on."""
