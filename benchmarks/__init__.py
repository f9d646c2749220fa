"""What the gateway costs: its CPU time per request and the time it adds, beside the direct limit and a plain proxy."""
