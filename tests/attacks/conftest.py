"""Fixtures of the attacks."""

from tests.support.figures import pytest_terminal_summary

__all__ = ["pytest_terminal_summary"]
