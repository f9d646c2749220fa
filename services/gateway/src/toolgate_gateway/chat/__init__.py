"""Chat completions over the ladder: the handler, the driver of ladder runs, what is written into the answer."""
