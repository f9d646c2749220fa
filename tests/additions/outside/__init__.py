"""Additions as a user of the checkout would write them: outside of the packages, against the documented seams alone."""
