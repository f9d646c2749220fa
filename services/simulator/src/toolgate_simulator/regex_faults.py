"""Patterns that vLLM's grammar backend refuses, with its messages."""

from __future__ import annotations

import re

from toolgate_simulator.faults import internal

_COUNT = re.compile(r"\{(\d+),(\d+)\}")


def regex_fault(pattern: str) -> str:
    """Return why a pattern is refused, with the place underlined as the backend does; empty where it is taken.

    Raises:
        RefusedError: the engine fails over it.
    """
    if re.search(r"\\[pP]\{", pattern):
        raise internal("Internal server error")
    scan = _Scan(pattern)
    while not scan.fault and scan.at < len(pattern):
        scan.step()
    return scan.fault or scan.unclosed()


def _said(pattern: str, start: int, length: int, what: str) -> str:
    return f"regex parse error:\n    {pattern}\n    {' ' * start}{'^' * length}\nerror: {what}"


class _Scan:
    """One walk over a pattern; `fault` is set where it ends early."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0
        self.fault = ""
        self._groups: list[int] = []
        self._nothing = True  # there is nothing that a repetition could repeat

    def step(self) -> None:
        """Go past one element."""
        character = self.pattern[self.at]
        if character == "\\":
            self._escape()
        elif character == "[":
            self._class()
        elif character == "(":
            self._open()
        elif character == ")":
            self._close()
        elif character in "*+?" or _COUNT.match(self.pattern, self.at):
            self._repeat()
        else:
            self.at += 1
            self._nothing = character == "|"

    def unclosed(self) -> str:
        """Return the fault of a group that has no end."""
        return _said(self.pattern, self._groups[-1], 1, "unclosed group") if self._groups else ""

    def _fail(self, length: int, what: str) -> None:
        self.fault = _said(self.pattern, self.at, length, what)

    def _escape(self) -> None:
        following = self.pattern[self.at + 1 : self.at + 2]
        if following in ("b", "B"):
            self.fault = f"lookarounds not supported yet; WordUnicode in regex /{self.pattern}/"
        elif following.isdigit() and following != "0":
            self._fail(2, "backreferences are not supported")
        elif not following:
            self._fail(1, "incomplete escape sequence, reached end of pattern prematurely")
        self.at += 2
        self._nothing = False

    def _class(self) -> None:
        # A bracket right after the opening one, or its negation, is a member.
        first = self.at + (2 if self.pattern.startswith("[^", self.at) else 1)
        at = first + 1 if self.pattern.startswith("]", first) else first
        while at < len(self.pattern) and self.pattern[at] != "]":
            at += 2 if self.pattern[at] == "\\" else 1
        if at >= len(self.pattern):
            self._fail(1, "unclosed character class")
        self.at, self._nothing = at + 1, False

    def _open(self) -> None:
        if self.pattern.startswith(("(?<=", "(?<!"), self.at):
            self._fail(4, "look-around, including look-ahead and look-behind, is not supported")
        elif self.pattern.startswith("(?P=", self.at):
            self.at += 2
            self._fail(1, "unrecognized flag")
        self._groups.append(self.at)
        head = re.compile(r"\((?:\?(?:[:=!]|P?<\w+>))?").match(self.pattern, self.at)
        self.at, self._nothing = head.end() if head else self.at + 1, True

    def _close(self) -> None:
        if not self._groups:
            self._fail(1, "unopened group")
        else:
            self._groups.pop()
        self.at, self._nothing = self.at + 1, False

    def _repeat(self) -> None:
        count = _COUNT.match(self.pattern, self.at)
        if self._nothing:
            self._fail(1, "repetition operator missing expression")
        elif count and int(count.group(1)) > int(count.group(2)):
            self._fail(len(count.group()), "invalid repetition count range, the start must be <= the end")
        self.at = count.end() if count else self.at + 1
        # A question mark after a repetition makes it lazy.
        self.at += self.pattern.startswith("?", self.at)
