"""One answer being read: pieces in, effects out, until it is known whether the attempt was good.

A reading decides what may reach the client and when. Text flows at once unless the request demands a call (then all is
held until one has settled); a call is held until it has ended and settled, then sent whole. After the first fault with
no call sent the rest of the answer is of no interest; once a call is sent, a later bad one is dropped, since nothing
can be taken back and the one that was sent is valid by itself.

What a native answer writes at its start may be a call in disguise, and is held until that is clear (`Screen`).
"""

from __future__ import annotations

from collections.abc import Callable, Generator

from msgspec.structs import replace

from toolgate_core.dialects.table import DIALECTS, find_dialect
from toolgate_core.extraction import MarkerScanner
from toolgate_core.jsontext import JsonObject
from toolgate_core.ladder.disguise import Screen, disguised, last_paragraph
from toolgate_core.ladder.effects import CloseResponse, Effect, Emit, Extract, ReadChunk, Reply
from toolgate_core.ladder.gate import Gate, Passable
from toolgate_core.ladder.outbox import Outbox
from toolgate_core.ladder.runaway import Blanks, too_many
from toolgate_core.ladder.state import RAW_LIMIT, AnswerState, OpenCall
from toolgate_core.limits import MAX_EQUAL_CALLS
from toolgate_core.schema import Toolset
from toolgate_core.schema.settle import Settled, settle
from toolgate_core.types.chunks import CallDelta, ResponseChunk
from toolgate_core.types.events import (
    ArgumentsDelta,
    CallEnd,
    CallStart,
    Drop,
    Event,
    MessageFields,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
)
from toolgate_core.types.failures import Failure
from toolgate_core.types.faults import Fault
from toolgate_core.types.plan import Plan, ScannerState
from toolgate_core.types.requests import ChatRequest
from toolgate_core.types.vocabulary import Reason, TextEnd


class Reading(AnswerState):
    """One answer being read; `run` reads it to its end."""

    def __init__(
        self,
        request: ChatRequest,
        plan: Plan,
        toolset: Toolset,
        outbox: Outbox,
        *,
        hold: bool,
        mute: bool,
        early: bool,
        clock: Callable[[], float],
    ) -> None:
        super().__init__(request, plan, Gate(outbox, hold=hold, muted=mute, clock=clock))
        self._toolset = toolset
        self._outbox = outbox
        self._early = early
        self._dialect = find_dialect(plan.dialect) or DIALECTS["auto"]
        self._scanner = self._guard()
        self._extracting = False
        self._screened = plan.form == "native" and request.tool_choice.mode == "auto" and self._check is None
        self._screen = Screen() if self._screened and not hold else None
        self._blanks = Blanks()
        self._settled: list[tuple[str, str]] = []
        self._ready: list[tuple[OpenCall, Settled]] = []
        self._runaway = False

    def run(self) -> Generator[Effect, Reply, Failure | None]:
        """Read to the end; return the upstream's failure, if it was one that ended the answer."""
        while True:
            piece = yield ReadChunk()
            if isinstance(piece, Failure):
                return piece
            assert isinstance(piece, ResponseChunk)
            yield from self._take(piece)
            if self._stop.stopped:
                self.finish = "stop"
            if self._outbox.pending:
                yield Emit(self._outbox.take())
            if piece.finish is not None:
                return None
            # The usage comes last: a client that asks for it is worth the rest of the answer.
            if self.fault is not None or self._runaway or (self._stop.stopped and not self._request.include_usage):
                self.finish = self.finish or "stop"
                yield CloseResponse()
                return None

    def _guard(self) -> MarkerScanner | None:
        """Return what keeps text from extraction until there is something to extract; None: all of it is extracted."""
        plan = self._plan
        return MarkerScanner(self._dialect.name) if plan.form == "native" and not plan.reasoning_open else None

    def release(self) -> None:
        """Put what was held (text, reasoning) into the outbox."""
        self._gate.release()

    def _take(self, piece: ResponseChunk) -> Generator[Effect, Reply, None]:
        """Take one piece: reasoning before text before calls, as a model writes them."""
        if piece.logprobs:
            self.logprobs.extend(piece.logprobs)
        if piece.reasoning:
            if self._plan.reasoning_open and not self._extracting:
                # The upstream splits reasoning off after all, so that the text begins outside of it.
                self._plan = replace(self._plan, reasoning_open=False)
                self._scanner = self._guard()
            self._on_reasoning(piece.reasoning)
        self._on_others(piece)
        end: TextEnd | None = None
        if piece.finish is not None:
            self.finish, self.usage = piece.finish, piece.usage
            end = "length" if piece.finish == "length" else "stop"
        if piece.text or end is not None:
            yield from self._take_text(piece.text, end)
        for delta in piece.calls:
            self._take_call_delta(delta)
        if end is not None:
            self._end_native(end)
            self._on_text(self._stop.finish(), filtered=True)
            self._end_screen()
            self._hand_over()
        elif self._blanks.feed(piece.text + "".join(delta.arguments for delta in piece.calls)):
            self._run_away("The answer ran away into white space.")

    def _run_away(self, detail: str) -> None:
        """End an answer that does not end: what has been sent stands, and is as good as cut."""
        self._runaway = True
        self._ready, self.calls = [], 0 if self._ready else self.calls
        if self._outbox.text_sent and not self._gate.muted and not self.calls:
            self.finish = "length"
        else:
            self._fail(Reason.PARSE_ERROR, detail)

    def _hand_over(self) -> None:
        """Deliver the calls that have waited for the end of the answer."""
        for call, settled in self._ready:
            self._outbox.call(settled.name, call.id, settled.arguments, call.fields)
        self._ready = []

    def _end_screen(self) -> None:
        """See whether the text is a call in disguise, and let it pass if it is none."""
        if self._screened and not self.calls and self.fault is None:
            text = self.text
            tail = "" if self._request.stream else last_paragraph(text)
            self.disguised = disguised(text, self._toolset) or (disguised(tail, self._toolset) if tail else None)
        if self._screen is not None and self.disguised is None:
            self._pass(self._screen.open())

    def _take_text(self, text: str, end: TextEnd | None) -> Generator[Effect, Reply, None]:
        if self._raw_size < RAW_LIMIT:
            self._raw.append(text)
            self._raw_size += len(text)
        if self._plan.form == "text":
            self._on_text(text)
            return
        state = ScannerState()
        if self._scanner is not None and not self._extracting:
            clean = self._scanner.feed(text)
            self._on_text(
                clean
                if end is None
                else clean + self._scanner.finish(stopped=end == "stop" and bool(self._request.stop))
            )
            if not self._scanner.hit:
                if self._scanner.held:
                    self._gate.begin_hold()
                return
            text, state = self._scanner.held, self._scanner.state
        self._extracting = True
        events = yield Extract(plan=self._plan, request=self._request, text=text, end=end, state=state)
        assert isinstance(events, tuple)
        for event in events:
            self._on_event(event)

    def _on_event(self, event: Event) -> None:
        if self._stop.stopped:
            return  # a model that stops there writes no more
        if self._plan.form == "native" and isinstance(event, CallStart | Drop):
            self._repairs.append("leaked_markup")
        match event:
            case TextDelta(text):
                self._on_text(text)
            case ReasoningDelta(text):
                self._on_reasoning(text)
            case CallStart():
                self._open = self._start(event.name, event.id, event.fields)
            case ArgumentsDelta(_, json):
                assert self._open is not None
                self._arguments(self._open, json)
            case CallEnd(_, complete, repairs):
                assert self._open is not None
                self._repairs.extend(repairs)
                self._end_call(self._open, complete=complete)
                self._open = None
            case _:
                self._on_drop(event)

    def _on_text(self, text: str, *, filtered: bool = False) -> None:
        text = text if filtered else self._stop.feed(text)
        if not self._text:
            # White space alone is layout around a call; it is text once other text follows.
            text = self._blank + text
            self._blank = text if text.isspace() else ""
        if not text or self._blank:
            return
        if self.calls:
            # Clients and routers refuse content after the first tool delta, so it can't be sent any more.
            self._repairs.append("text_after_call")
            return
        self._check_begin(text)
        self._text.append(text)
        self._pass(text if self._screen is None else self._screen.feed(text))

    def _check_begin(self, text: str) -> None:
        """Fail an answer that can't become what the client wants before any of it is sent."""
        if self._check is None or self._text or self._plan.form != "decision":
            return  # what is native may still become a call
        if self._check.object_only and text.lstrip()[0] != "{":
            self._fail(Reason.SCHEMA_INVALID, "The answer must be a JSON object.")

    def _pass(self, text: str) -> None:
        if text and self._plan.form != "text":
            self._send(TextDelta(text))

    def _on_reasoning(self, text: str) -> None:
        self._reasoning.append(text)
        if self._plan.form != "text":
            self._send(ReasoningDelta(text))

    def _on_others(self, piece: ResponseChunk) -> None:
        """Take what an upstream tells apart from text and calls."""
        if piece.refusal:
            self._refusal.append(piece.refusal)
            self._send(RefusalDelta(piece.refusal))
        if piece.fields and self._plan.form != "text":
            self._send(MessageFields(piece.fields))
        if piece.finish is not None:
            self.choice_fields, self.answer_fields = piece.choice_fields, piece.answer_fields

    def _send(self, event: Passable) -> None:
        if self.fault is None:
            self._gate.send(event)

    def _on_drop(self, drop: Drop) -> None:
        match drop.kind:
            case "markup":
                pass
            case "cut":
                self.unfinished = True
            case "prose":
                self._stray.append(drop.raw)
            case "after_call":
                if not drop.raw.isspace():
                    self._repairs.append("text_after_call")
            case _ if self._plan.form == "decision" and self._text and self._outbox.text_sent:
                # The answer's text has gone out, and only its envelope is broken: an error would tell less.
                self._repairs.append("unclosed")
            case kind:
                self._fail(Reason.PARSE_ERROR, f"The answer could not be read as a tool call ({kind}).")

    def _fail(self, reason: Reason, detail: str) -> None:
        """Note what is wrong, unless a call has been sent: that one stands, and the bad part is dropped."""
        if self.calls:
            self._repairs.append("bad_call_dropped")
        elif self.fault is None and self._request.tool_choice.mode != "none":
            self.fault = Fault(reason, detail, "".join(self._raw)[:RAW_LIMIT])

    def _take_call_delta(self, delta: CallDelta) -> None:
        """Collect a native call. It ends with the answer: some upstreams write to an earlier call once more."""
        call = self._native.get(delta.index)
        if call is None:
            call = self._native[delta.index] = self._start(delta.name or "", delta.id, delta.fields)
        else:
            call.fields = {**call.fields, **delta.fields}
        self._arguments(call, delta.arguments)

    def _end_native(self, end: TextEnd) -> None:
        calls = list(self._native.values())
        self._native = {}
        if calls and end != "length" and self._at_limit():
            # vLLM before 0.33 says `tool_calls` for calls that it cut, and some servers close what was cut.
            self.finish = end = "length"
        if len(calls) > MAX_EQUAL_CALLS and (fault := too_many([(call.name, "".join(call.parts)) for call in calls])):
            self._run_away(fault)
        for call in calls:
            # Cut by the token limit, the last call is unfinished, whatever its text looks like.
            self._end_call(call, complete=not (end == "length" and call is calls[-1]))

    def _start(self, name: str, call_id: str | None, fields: JsonObject) -> OpenCall:
        call = OpenCall(self._plan.names.get(name, name), call_id)
        call.fields = fields
        self._gate.begin_hold()
        if self._early and self._may_start(call.name):
            self._release_before_call()
            call.sent = True
            self._outbox.start(call.name, call.id, call.fields)
        return call

    def _may_start(self, name: str) -> bool:
        """Whether a call may go out before it has ended: its tool is allowed, and no other call is under way."""
        if self.fault is not None or self._native or (self.calls and not self._request.parallel):
            return False
        return self._request.tool_choice.permits(name) and self._toolset.get(name) is not None

    def _arguments(self, call: OpenCall, fragment: str) -> None:
        call.parts.append(fragment)
        if call.sent and fragment:
            self._outbox.arguments(fragment)

    def _end_call(self, call: OpenCall, *, complete: bool) -> None:
        if not complete:
            self.unfinished = True
            if self.finish != "length":
                self._fail(Reason.PARSE_ERROR, f"The arguments of the call to {call.name} could not be read.")
            return
        if waived := self._waived(call):
            self._repairs.append(waived)
            return
        choice = self._request.tool_choice
        settled = settle(call.name, "".join(call.parts), self._toolset, choice, close=self._model_stopped())
        if isinstance(settled, Fault):
            self._raw.append(f"{call.name}({''.join(call.parts)})" if self._plan.form == "native" else "")
            self._fail(settled.reason, settled.detail)
        elif call.sent:
            self._end_early(call, exact=not settled.repairs)
        elif self.calls and not self._request.parallel:
            self._repairs.append("parallel_call_dropped")
        elif self.fault is None:
            self._deliver(call, settled)

    def _deliver(self, call: OpenCall, settled: Settled) -> None:
        self._settled.append((settled.name, settled.arguments))
        if len(self._settled) > MAX_EQUAL_CALLS and (fault := too_many(self._settled)):
            self._run_away(fault)
            return
        self._repairs.extend(settled.repairs)
        self._release_before_call()
        self.calls += 1
        self._ready.append((call, settled))
        if self._request.stream:
            self._hand_over()

    def _release_before_call(self) -> None:
        """Let pass what was held; no prose where a call was demanded."""
        if self._screen is not None:
            self._pass(self._screen.open())
        self._gate.release(text=not self._request.tool_choice.forced)

    def _waived(self, call: OpenCall) -> str:
        """Return the tag of why a call asks for nothing; empty where it is meant."""
        if self._request.tool_choice.mode == "none":
            return "call_under_none"
        return "no_call" if call.name in self._dialect.no_call and self._toolset.get(call.name) is None else ""

    def _end_early(self, call: OpenCall, *, exact: bool) -> None:
        """Close a call whose arguments have been sent as they came; what would need a repair is a fault by then."""
        if exact:
            self._outbox.end()
            self.calls += 1
        else:
            self._fail(Reason.SCHEMA_INVALID, f"The arguments of the call to {call.name} do not fit its schema.")
