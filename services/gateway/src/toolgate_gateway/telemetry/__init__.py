"""What is recorded of requests: metrics, the request record, /stats."""
