"""One file per dialect: its grammars as data, and how it writes tools, calls and results."""
