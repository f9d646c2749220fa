"""Wire formats, without I/O: API formats of clients, codecs of upstreams, and profiles of servers."""
