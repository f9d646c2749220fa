"""Wire formats, without I/O: the APIs that clients speak, the codecs of upstreams, and what is known about servers."""
