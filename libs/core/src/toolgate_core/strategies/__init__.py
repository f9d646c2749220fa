"""Strategies: what each one sends upstream and needs, one file and one row of the table each."""
