"""Codecs: the wire formats that upstreams speak, one package each."""
