"""The calls of one answer, native or extracted: collected, settled, and sent.

A call is held until it has ended and settled, then sent whole. Its arguments stream while they are written only where
policy says so (`stream_arguments`), and then a call that does not settle without a repair is a fault, because
what the client has can't be repaired. Native calls end with the answer: some upstreams interleave fragments of several
calls, so no fragment proves that the call before it is complete.
"""

from __future__ import annotations

from toolgate_core.jsontext import JsonObject
from toolgate_core.ladder.content import AnswerContent
from toolgate_core.ladder.delivery import Delivery
from toolgate_core.ladder.outbox import SettledCall
from toolgate_core.ladder.runaway import too_many
from toolgate_core.ladder.verdict import Verdict
from toolgate_core.limits import MAX_EQUAL_CALLS
from toolgate_core.schema import Toolset
from toolgate_core.schema.settle import Settled, settle
from toolgate_core.types.chunks import CallDelta
from toolgate_core.types.faults import Fault
from toolgate_core.types.plan import Plan
from toolgate_core.types.requests import ChatRequest
from toolgate_core.types.vocabulary import AttemptOutcome, TextEnd


class OpenCall:
    """A call that has begun and not ended. `streamed`: its beginning has been sent."""

    def __init__(self, name: str, call_id: str | None, fields: JsonObject) -> None:
        self.name = name
        self.id = call_id
        self.fields = fields
        self.streamed = False
        self._fragments: list[str] = []

    @property
    def arguments(self) -> str:
        """The text of the arguments so far."""
        return "".join(self._fragments)

    def add(self, fragment: str) -> None:
        """Add to the arguments."""
        self._fragments.append(fragment)


class CallCollector:
    """Collects the calls of one answer. `no_call`: names with which the dialect's models say that no tool fits."""

    __slots__ = (
        "_content",
        "_delivery",
        "_names",
        "_native",
        "_no_call",
        "_request",
        "_settled",
        "_stream_arguments",
        "_toolset",
        "_verdict",
    )

    def __init__(
        self,
        request: ChatRequest,
        plan: Plan,
        toolset: Toolset,
        *,
        content: AnswerContent,
        verdict: Verdict,
        delivery: Delivery,
        no_call: tuple[str, ...],
        stream_arguments: bool,
    ) -> None:
        self._request = request
        self._names = plan.names
        self._toolset = toolset
        self._content = content
        self._verdict = verdict
        self._delivery = delivery
        self._no_call = no_call
        self._stream_arguments = stream_arguments
        self._native: dict[int, OpenCall] = {}
        self._settled: list[tuple[str, str]] = []

    def add_delta(self, delta: CallDelta) -> None:
        """Take a fragment of a native call."""
        # Fragments belong together by their index; only the first one of a call carries name and id.
        call = self._native.get(delta.index)
        if call is None:
            call = self._native[delta.index] = self.start(delta.name or "", delta.id, delta.fields)
        else:
            call.fields = {**call.fields, **delta.fields}
        self.add_arguments(call, delta.arguments)

    def end_native(self, end: TextEnd) -> None:
        """End the native calls, with the answer."""
        calls = list(self._native.values())
        self._native = {}
        # See `verdict`: a server may report or even close a call that the limit cut.
        if calls and end != "length" and self._verdict.at_limit:
            self._verdict.finish = end = "length"
        # Before the first one is sent: settled one by one, the first few of them would have been sent.
        if len(calls) > MAX_EQUAL_CALLS and (detail := too_many([(call.name, call.arguments) for call in calls])):
            self.run_away(detail)
        for call in calls:
            # Cut by the token limit, the last call is not complete, whatever its text looks like.
            self.end(call, complete=not (end == "length" and call is calls[-1]))

    def start(self, name: str, call_id: str | None, fields: JsonObject) -> OpenCall:
        """Begin a call under the name that the upstream knows its tool by."""
        call = OpenCall(self._names.get(name, name), call_id, fields)
        # From here on the client waits, whatever the call turns out to be.
        self._delivery.begin_hold()
        if self._stream_arguments and self._may_stream(call.name):
            self._release_before_call()
            call.streamed = True
            self._delivery.start_call(call.name, call.id, call.fields)
        return call

    def _may_stream(self, name: str) -> bool:
        """Whether a call may be sent before it has ended: its tool is allowed, and no other call is in progress."""
        # The events of two calls would interleave, and a client that reads them in order mixes their arguments.
        if self._verdict.fault is not None or self._native or self._delivery.is_inward(name):
            return False
        if self._verdict.calls and not self._request.parallel:
            return False
        return self._request.tool_choice.permits(name) and self._toolset.get(name) is not None

    def add_arguments(self, call: OpenCall, fragment: str) -> None:
        """Take a fragment of a call's arguments."""
        call.add(fragment)
        if call.streamed and fragment:
            self._delivery.add_arguments(fragment)

    def end(self, call: OpenCall, *, complete: bool) -> None:
        """End a call; `complete` False: it was cut, or could not be read."""
        if not complete:
            self._verdict.truncated_call = True
            # At the limit it is not a fault of the model: the answer is as long as the client allows.
            if self._verdict.finish != "length":
                self._verdict.fail(
                    AttemptOutcome.PARSE_ERROR, f"The arguments of the call to {call.name} could not be read."
                )
            return
        # A call that asks for nothing is not a fault of the model, so that no retry follows.
        if ignored := self._ignored_reason(call.name):
            self._verdict.tag(ignored)
            return
        choice = self._request.tool_choice
        arguments = call.arguments
        # Brackets are added only where the model itself stopped; else the missing part may be anything.
        settled = settle(call.name, arguments, self._toolset, choice, close=self._verdict.model_stopped)
        if isinstance(settled, Fault):
            self._verdict.keep_raw_call(call.name, arguments)
            self._verdict.fail(settled.reason, settled.detail)
        # The client has the arguments as the model wrote them: a repair can no longer reach it.
        elif call.streamed:
            self._end_streamed(call, exact=not settled.repairs)
        # The client asked for one call at a time; the first one is kept.
        elif self._verdict.calls and not self._request.parallel:
            self._verdict.tag("parallel_call_dropped")
        elif self._verdict.fault is None:
            self._send(call, settled)

    def _ignored_reason(self, name: str) -> str:
        """Return the tag of the reason to ignore a call; empty for a real call."""
        # Servers keep tools in the prompt under `none`, and models still write calls.
        if self._request.tool_choice.mode == "none":
            return "call_under_none"
        return "no_call" if name in self._no_call and self._toolset.get(name) is None else ""

    def _send(self, call: OpenCall, settled: Settled) -> None:
        self._settled.append((settled.name, settled.arguments))
        if len(self._settled) > MAX_EQUAL_CALLS and (detail := too_many(self._settled)):
            self.run_away(detail)
            return
        self._verdict.tag(*settled.repairs)
        self._release_before_call()
        self._verdict.calls += 1
        self._delivery.send_call(SettledCall(settled.name, call.id, settled.arguments, call.fields))

    def _release_before_call(self) -> None:
        """Send what was held: text before a call is content, but where a call was demanded it is none."""
        self._content.release(text=not self._request.tool_choice.forced)

    def _end_streamed(self, call: OpenCall, *, exact: bool) -> None:
        """End a call whose arguments have streamed."""
        if exact:
            self._delivery.end_call()
            self._verdict.calls += 1
        else:
            self._verdict.fail(
                AttemptOutcome.SCHEMA_INVALID, f"The arguments of the call to {call.name} do not fit its schema."
            )

    def run_away(self, detail: str) -> None:
        """End a runaway answer: drop the calls that were not sent; calls that were sent remain valid."""
        dropped = self._delivery.drop_waiting()
        self._verdict.run_away(detail, dropped_calls=dropped, text_sent=self._delivery.own_text_sent)
