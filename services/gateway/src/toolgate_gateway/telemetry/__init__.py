"""Telemetry: metrics, request records, `/stats`. To add a record sink: `sinks/`."""
