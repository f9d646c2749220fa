"""The one error that a command ends with."""

from __future__ import annotations


class CommandError(Exception):
    """The command failed; the message is one line that says why."""
