"""Frames: one reader per kind of grammar, from a block's opener to its end."""
