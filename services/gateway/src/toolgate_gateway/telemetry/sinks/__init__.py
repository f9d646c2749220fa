"""Sinks of request records: one file and one row in `table` for each."""
