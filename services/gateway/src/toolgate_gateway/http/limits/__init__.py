"""Limits per caller, such as quotas: one file and one row in `table` for each."""
