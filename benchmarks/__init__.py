"""The cost of the gateway: CPU time per request and added latency, compared with no proxy and a plain proxy."""
