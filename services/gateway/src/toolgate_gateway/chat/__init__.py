"""Chat completions over the ladder: the handler, the driver of ladder runs, and the metadata of answers."""
