"""Fuzzing the extraction: texts that are steered by the branches they reach, held to the laws of every dialect."""
