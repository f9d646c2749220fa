"""The steps of a ladder run: on the event loop where they are short, in a thread where they may take long.

A step is what the run does between two effects. Its cost grows with what the answer has brought so far, because calls
are read and settled where they end, and on the event loop no other request moves meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import NamedTuple

from toolgate_core.ladder import Answer
from toolgate_core.ladder.effects import AnyEffect, CallModel, Extract, ReadChunk, Reply
from toolgate_core.limits import MAX_INLINE_CHARS
from toolgate_core.types.chunks import ResponseChunk
from toolgate_core.types.failures import Failure
from toolgate_runtime import offload

COUNTED_EFFECTS = (ReadChunk, Extract, CallModel)
"""Effects that `LadderSteps.takes_long` counts; the step after any other one is always short."""


class RunEnded(NamedTuple):
    """The end of a run that came in a thread, where `StopIteration` can't pass."""

    result: Answer | Failure


class LadderSteps:
    """Drives a run's generator one step at a time.

    `heavy`: the schemas of its tools are such that settling even a short call may take long.
    """

    def __init__(self, effects: Generator[AnyEffect, Reply, Answer | Failure], *, heavy: bool) -> None:
        self._effects = effects
        self.send = effects.send
        """Take the step that follows the reply to an effect; raises `StopIteration` with the result at the end."""
        self._max_inline = 0 if heavy else MAX_INLINE_CHARS
        self._chars = 0
        self._in_thread = False

    async def send_in_thread(self, reply: Reply) -> AnyEffect | RunEnded:
        """Take a step that may take long."""
        work = asyncio.ensure_future(offload.run(lambda: self._run(reply), heavy=True))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            # A generator that runs in a thread can't be closed; its step is bounded, so wait for it.
            await asyncio.wait([work])
            raise

    def close(self) -> None:
        """Close the run."""
        if not self._in_thread:
            self._effects.close()

    def _run(self, reply: Reply) -> AnyEffect | RunEnded:
        self._in_thread = True
        try:
            return self.send(reply)
        except StopIteration as end:
            return RunEnded(end.value)
        finally:
            self._in_thread = False

    def takes_long(self, effect: AnyEffect, reply: Reply) -> bool:
        """Whether the step that follows a reply belongs into a thread; to be asked once for each counted effect."""
        if isinstance(reply, ResponseChunk):
            came = len(reply.text) + len(reply.reasoning)
            for call in reply.calls:
                came += len(call.arguments)
            self._chars += came
            return self._chars > self._max_inline and (reply.finish is not None or came > MAX_INLINE_CHARS)
        if isinstance(effect, Extract):
            self._chars += len(effect.text)
            return self._chars > self._max_inline
        if isinstance(effect, CallModel):
            self._chars = 0
        return False
