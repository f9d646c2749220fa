"""Providers: the wire formats that upstreams speak, one file each."""
