"""The reader of one answer: chunks in, effects out, until it is known whether the attempt was good.

`ResponseReader` is the loop; its parts hold the rules. `AnswerContent` knows text, `CallCollector` knows calls,
`Delivery` knows what may reach the client and when, `Verdict` knows what speaks for and against the answer.

Two things end the reading before the answer ends. After the first fault with no call sent the rest does not matter, and
after a stop string only the usage does, where the client asked for it. The upstream is closed in both cases: a model
that writes on costs money.

The loop runs once per chunk of every stream, so it keeps to one generator: the parts are called, not delegated to.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from toolgate_core.dialects.table import DIALECTS, find_dialect
from toolgate_core.jsontext import JsonObject
from toolgate_core.ladder.calls import CallCollector, OpenCall
from toolgate_core.ladder.content import AnswerContent
from toolgate_core.ladder.delivery import Delivery, DeliveryPolicy
from toolgate_core.ladder.effects import CloseResponse, EffectGenerator, Emit, Extract, ReadChunk, ask
from toolgate_core.ladder.outbox import Outbox
from toolgate_core.ladder.routing import TextRouter
from toolgate_core.ladder.runaway import Blanks
from toolgate_core.ladder.verdict import Verdict
from toolgate_core.schema import Toolset
from toolgate_core.types.chunks import ResponseChunk
from toolgate_core.types.events import (
    ArgumentsDelta,
    CallEnd,
    CallStart,
    Drop,
    Event,
    MessageFields,
    ReasoningDelta,
    TextDelta,
)
from toolgate_core.types.failures import Failure
from toolgate_core.types.plan import Plan
from toolgate_core.types.requests import ChatRequest
from toolgate_core.types.vocabulary import AttemptOutcome, FinishReason, TextEnd


class ResponseReader:
    """Reads one answer; `run` may be used once. `stream_arguments`: see `CallCollector`."""

    __slots__ = (
        "_blanks",
        "_calls",
        "_form",
        "_open",
        "_outbox",
        "_request",
        "_router",
        "_toolset",
        "answer_fields",
        "choice_fields",
        "content",
        "delivery",
        "logprobs",
        "verdict",
    )

    def __init__(
        self,
        request: ChatRequest,
        plan: Plan,
        toolset: Toolset,
        outbox: Outbox,
        policy: DeliveryPolicy,
        *,
        clock: Callable[[], float],
        stream_arguments: bool = False,
        inward: frozenset[str] = frozenset(),
    ) -> None:
        dialect = find_dialect(plan.dialect) or DIALECTS["auto"]
        self._request = request
        self._form = plan.form
        self._toolset = toolset
        self._outbox = outbox
        self.delivery = Delivery(outbox, policy, stream=request.stream, clock=clock, inward=inward)
        self.verdict = Verdict(request, plan)
        self.content = AnswerContent(request, plan, self.verdict, self.delivery)
        self._calls = CallCollector(
            request,
            plan,
            toolset,
            content=self.content,
            verdict=self.verdict,
            delivery=self.delivery,
            no_call=dialect.no_call,
            stream_arguments=stream_arguments,
        )
        self._router = TextRouter(request, plan, dialect, self.content, self.delivery)
        self._open: OpenCall | None = None
        self._blanks = Blanks()
        self.logprobs: list[JsonObject] = []
        self.choice_fields: JsonObject = {}
        self.answer_fields: JsonObject = {}

    def run(self) -> EffectGenerator[Failure | None]:
        """Read to the end; return the upstream's failure, if one ended the answer."""
        while True:
            # Not `ask`: see there.
            chunk = cast("ResponseChunk | Failure", (yield ReadChunk()))
            if isinstance(chunk, Failure):
                return chunk
            extract = self._take_content(chunk)
            if extract is not None:
                for event in (yield from ask(extract)):
                    self._take_event(event)
            self._take_calls(chunk)
            if self.content.stopped:
                # For the client the model stopped there, whatever it went on to write.
                self.verdict.finish = "stop"
            if self._outbox.pending:
                yield Emit(self._outbox.take())
            if chunk.finish is not None:
                return None
            if self._is_decided():
                # Closed from here: the upstream will not say why it ended.
                self.verdict.finish = self.verdict.finish or "stop"
                yield CloseResponse()
                return None

    def _is_decided(self) -> bool:
        """Whether the rest of the answer does not matter. The usage comes last, and a client that asks gets it."""
        if self.verdict.fault is not None or self.verdict.ran_away:
            return True
        return self.content.stopped and not self._request.include_usage

    def _take_content(self, chunk: ResponseChunk) -> Extract | None:
        """Read a chunk's reasoning and text, in the order in which models write: reasoning first."""
        if chunk.logprobs:
            self.logprobs.extend(chunk.logprobs)
        if chunk.reasoning:
            self._router.reasoning_is_split()
            self.content.add_reasoning(chunk.reasoning)
        if chunk.refusal:
            self.content.add_refusal(chunk.refusal)
        if chunk.fields:
            self.content.add_fields(MessageFields(chunk.fields))
        end: TextEnd | None = None
        if chunk.finish is not None:
            end = "length" if chunk.finish == "length" else "stop"
            self.verdict.finish, self.verdict.usage = chunk.finish, chunk.usage
            self.choice_fields, self.answer_fields = chunk.choice_fields, chunk.answer_fields
        if not chunk.text and end is None:
            return None  # the end of the text has to be routed even where it brings no text
        # Before the filters: a retry shows the model what it wrote, not what was left of it.
        self.verdict.keep_raw(chunk.text)
        return self._router.route(chunk.text, end)

    def _take_calls(self, chunk: ResponseChunk) -> None:
        """Take the native calls of a chunk (a draft has none), and the end of the answer."""
        written = chunk.text
        if self._form != "text":
            for delta in chunk.calls:
                self._calls.add_delta(delta)
                # White space without end comes in arguments as well as in text.
                written += delta.arguments
        if chunk.finish is not None:
            self._finish(chunk.finish)
        elif self._blanks.feed(written):
            self._calls.run_away("The answer ran away into white space.")

    def _finish(self, finish: FinishReason) -> None:
        """Take the end of the answer: of its calls, of its text, then of what has waited for both."""
        # The calls come first, since text beside a call is judged otherwise than text alone.
        self._calls.end_native("length" if finish == "length" else "stop")
        self.content.finish()
        self.content.find_disguised_call(self._toolset, stream=self._request.stream)
        self.delivery.hand_over()

    def _take_event(self, event: Event) -> None:
        """Take what an extraction found. Behind a stop string a model has, for the client, written nothing."""
        if self.content.stopped:
            return
        # Reasoning in native text is not a leak: many servers leave it there.
        if self._form == "native" and isinstance(event, CallStart | Drop):
            self.verdict.tag("leaked_markup")
        match event:
            case TextDelta(text):
                self.content.add_text(text)
            case ReasoningDelta(text):
                self.content.add_reasoning(text)
            case CallStart():
                self._open = self._calls.start(event.name, event.id, event.fields)
            case ArgumentsDelta(_, json):
                self._calls.add_arguments(self._open_call(), json)
            case CallEnd(_, complete, repairs):
                self.verdict.tag(*repairs)
                self._calls.end(self._open_call(), complete=complete)
                self._open = None
            case _:
                self._take_drop(event)

    def _open_call(self) -> OpenCall:
        """Return the extracted call that has begun: events of one call never come without its start."""
        assert self._open is not None
        return self._open

    def _take_drop(self, drop: Drop) -> None:
        """Handle text that the extraction left out, by its reason."""
        match drop.kind:
            # Tags and layout around calls carry nothing.
            case "markup":
                pass
            # The limit cut the call, which is not a fault of the model.
            case "cut":
                self.verdict.truncated_call = True
            # Kept aside: it is the answer only if no attempt brings a better one.
            case "prose":
                self.content.add_unstructured(drop.raw)
            case "after_call":
                if not drop.raw.isspace():
                    self.verdict.tag("text_after_call")
            case _ if self._form == "decision" and self.content.has_text and self.delivery.text_sent:
                # The answer's text has been sent and only its envelope is broken: an error would say less.
                self.verdict.tag("unclosed")
            case kind:
                self.verdict.fail(AttemptOutcome.PARSE_ERROR, f"The answer could not be read as a tool call ({kind}).")
