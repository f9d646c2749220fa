"""The steps of a ladder run: on the event loop where they are short, in a thread where they may take long."""

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

WEIGHED = (ReadChunk, Extract, CallModel)
"""The effects whose replies count; a step that follows another one is always short."""


class Ended(NamedTuple):
    """The result that the ladder ended with."""

    result: Answer | Failure


class Steps:
    """Drives the ladder's generator one step at a time.

    What a step costs grows with what an answer has brought so far: its calls are read and settled where they end.
    `heavy`: the schemas of its tools are such that a short call may take long, too.
    """

    def __init__(self, ladder: Generator[AnyEffect, Reply, Answer | Failure], *, heavy: bool) -> None:
        self._ladder = ladder
        self.send = ladder.send
        """Takes the step that the reply to an effect leads to; raises `StopIteration` with the result at the end."""
        self._most = 0 if heavy else MAX_INLINE_CHARS
        self._chars = 0
        self._running = False

    async def send_in_thread(self, reply: Reply) -> AnyEffect | Ended:
        """Take a step that takes long."""
        work = asyncio.ensure_future(offload.run(lambda: self._run(reply), heavy=True))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            # A generator can't be told of its end while it runs; what it does is bounded.
            await asyncio.wait([work])
            raise

    def close(self) -> None:
        """End the ladder."""
        if not self._running:
            self._ladder.close()

    def _run(self, reply: Reply) -> AnyEffect | Ended:
        self._running = True
        try:
            return self.send(reply)
        except StopIteration as end:
            return Ended(end.value)
        finally:
            self._running = False

    def takes_long(self, effect: AnyEffect, reply: Reply) -> bool:
        """Whether the step that the reply leads to belongs into a thread; asked for each `WEIGHED` effect."""
        if isinstance(reply, ResponseChunk):
            came = len(reply.text) + len(reply.reasoning)
            for call in reply.calls:
                came += len(call.arguments)
            self._chars += came
            return self._chars > self._most and (reply.finish is not None or came > MAX_INLINE_CHARS)
        if isinstance(effect, Extract):
            self._chars += len(effect.text)
            return self._chars > self._most
        if isinstance(effect, CallModel):
            self._chars = 0
        return False
