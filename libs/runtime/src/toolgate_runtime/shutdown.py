"""Shutdown requests of a process: the one place where services handle signals."""

from __future__ import annotations

import asyncio
import signal

_STOP_SIGNALS: tuple[signal.Signals, ...] = (signal.SIGTERM, signal.SIGINT)


class Shutdown:
    """Two events: `asked` starts a drain; `at_once` ends what is in progress without waiting for it."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.at_once = asyncio.Event()

    @classmethod
    def on_signals(cls, *, hangup: bool = False) -> Shutdown:
        """Return a shutdown that SIGTERM and SIGINT request; call it inside the running event loop.

        `hangup`: SIGHUP (a closed terminal) requests it, too, unless the process was started with SIGHUP ignored, as
        `nohup` does.
        """
        shutdown = cls()
        numbers = _STOP_SIGNALS
        if hangup and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            numbers = (*numbers, signal.SIGHUP)
        for number in numbers:
            asyncio.get_running_loop().add_signal_handler(number, shutdown.request)
        return shutdown

    def request(self) -> None:
        """Ask for a drain; a second call ends at once."""
        (self.at_once if self.asked.is_set() else self.asked).set()
