"""The extraction engine: the text of one choice in, events out. It does no I/O and is linear in the text.

One engine reads every dialect; a dialect is data (`toolgate_core.dialects`). Its parts, from the outside in:

```
Extraction     this file: ordinary text, what kind of text it is, and who may read a block
  Scan         the next marker that counts                                     (scanner, marker_index, code_spans)
  frames       one per kind of grammar: read a block after its marker         (frames/)
    Cursor     the text that is not read yet, and how a frame waits for more   (cursor)
    CallWriter the arguments of one call, in whatever order its parts come     (call_writer)
  EventSink    events in order, and those that are still in doubt              (sink)
```

Invariants:

- *The split law*: the events do not depend on the pieces in which the text comes (adjacent events of a kind joined).
  `tests/core/dialects/test_contract.py` cuts every case in two at every place and into pieces of 1, 2, 3 and 7.
- *Nothing is taken back.* An event that was returned is final. What may still turn out to be text is held instead.
- *Nothing is lost.* Every character comes out as text or reasoning, or is part of a call, or is reported as a `Drop`.
- *No text raises.* A block that can't be read is ordinary text, or an incomplete call if it certainly was one.

How a block is read: at a marker that counts, the grammars that may begin there are tried in order, and the first whose
frame recognises its own reads the block. No table of next characters is needed: every frame decides by what it
finds after the marker. A block is *tentative* until its name is complete and declared by the request: its events
are held, and if it turns out to be no call its text is released and scanned on after the marker. A call to a name that
no tool has is emitted only when its block is complete, so that prose about tool calling stays prose and an invented
name can still be reported to the caller.

Calls inside reasoning are *parked* until the text has ended. Models draft calls while they think: if a call comes
outside of the reasoning the parked ones were drafts. Others forget to close their reasoning before they call: if no
call comes outside, the parked ones are the calls.

What bounds the cost: a frame that fails gives its text back to the scan, which reads it a second time. For a block of
more than MAX_RESCAN characters that happens at most MAX_RESCANS times a text; later ones are emitted as text without
another look. So a text of a thousand openers without a closer costs what its length costs.
"""

from __future__ import annotations

import re
from typing import Literal as OneOf
from typing import TypeAlias

from toolgate_core.dialects.base import AnyGrammar, MessageGrammar
from toolgate_core.dialects.table import TEXT_ONLY, active_grammars, find_dialect
from toolgate_core.extraction.block_reader import BlockReader
from toolgate_core.extraction.cursor import Cursor, Steps
from toolgate_core.extraction.frames.message import MessageStart
from toolgate_core.extraction.frames.table import read_block
from toolgate_core.extraction.marker_index import Marker, answer_pattern, header_pattern
from toolgate_core.extraction.notes import NotedSink, Notes, WatchedScan
from toolgate_core.extraction.scanner import Scan
from toolgate_core.extraction.sink import EventSink
from toolgate_core.schema import Toolset
from toolgate_core.types.events import Event
from toolgate_core.types.plan import Plan, ScannerState
from toolgate_core.types.vocabulary import TextEnd

MAX_RESCAN = 4096
"""Characters of a block that may be read twice as often as need be."""
MAX_RESCANS = 16
"""How often a longer block of one text may be read twice."""
MAX_ENCLOSING = 512
"""Characters of a tag around a call, and of what a call begins with."""
MAX_ENCLOSING_TAGS = 4
"""Tags around a call, each inside the one before."""
START = ScannerState()

TextKind: TypeAlias = OneOf["content", "think", "message_reasoning", "skip", "after_call"]
"""What ordinary text is at the moment: for the user, reasoning between markers, reasoning in a separate message
(harmony's `analysis`), a message that is dropped, or text after a call that ended the turn."""

_SURROGATES = re.compile("[\ud800-\udfff]")


class Extraction:
    """Turns one choice's text into events.

    `feed` takes text in pieces of any size and `finish` says how the text ended; the events do not depend on the
    pieces. No text makes it raise.

    Args:
        plan: how the answer was asked for: the dialect, and whether it begins inside reasoning.
        toolset: the tools of the request; only their names make a call certain before its block is complete.
        state: where a `MarkerScanner` stopped, if one has read the text before.
        notes: gets what was decided where, for `toolgate extract --explain`; without one nothing is noted.

    Raises:
        ValueError: the plan names a dialect that does not exist.
    """

    def __init__(
        self, plan: Plan, toolset: Toolset, state: ScannerState = START, *, notes: Notes | None = None
    ) -> None:
        name = {"decision": "decision", "native": plan.dialect or "auto"}.get(plan.form, plan.dialect)
        dialect = find_dialect(name)
        if dialect is None:
            raise ValueError(f"unknown dialect: {name}")
        self._cursor = Cursor()
        active = active_grammars(dialect.name) if plan.form != "text" else TEXT_ONLY
        if notes is None:
            self._sink, self._scan = EventSink(started=state.started), Scan(active, state)
        else:
            self._sink = NotedSink(notes, self._cursor, started=state.started)
            self._scan = WatchedScan(active, state, notes, self._cursor)
        self._reader = BlockReader(self._cursor, self._sink, toolset, plan.names)
        self._notes = notes
        self._kind: TextKind = "content"
        self._decides = dialect.name == "decision"
        self._last_grammar: AnyGrammar | None = None
        self._rescans_left = MAX_RESCANS
        self._half = ""
        self._refused = ""
        if plan.reasoning_open:
            self._begin_text("think")
        self._steps = self._read()
        self._idle = True
        self._done = False

    def feed(self, text: str) -> list[Event]:
        """Take the next piece of text; return the events that are certain now."""
        if not text:
            return []
        if not text.isascii():
            text = self._join_surrogates(text)
        elif self._half:
            text, self._half = "\ufffd" + text, ""
        # Nearly every token of an answer goes this way: no marker, nothing held, no generator resumed.
        if self._idle and not self._cursor.remaining and self._scan.skip_ordinary(text):
            self._cursor.skip(len(text))
            self._pass_text(text)
        else:
            self._cursor.push(text)
            self._step()
        return self._sink.take()

    def finish(self, end: TextEnd) -> list[Event]:
        """Say how the text ended; return the last events. Nothing may be fed after this.

        Brackets and tags that the model left open are closed for it only after `stop`, when the model itself ended.
        """
        if self._half:
            self._cursor.push("\ufffd")
        self._cursor.end = end
        self._scan.code.truncated = end != "stop"
        while not self._done:
            self._step()
        self._sink.finish(promote=end == "stop")
        return self._sink.take()

    def _step(self) -> None:
        try:
            next(self._steps)
        except StopIteration:
            self._done = True

    def _join_surrogates(self, text: str) -> str:
        """Join halves of surrogate pairs that came apart; a lone half becomes U+FFFD.

        JSON lets an upstream escape one character as two halves, and a chunk may end between them.
        """
        text, self._half = self._half + text, ""
        if _SURROGATES.search(text) is None:
            return text
        if "\ud800" <= text[-1] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

    def _read(self) -> Steps[None]:
        """Read the whole text: ordinary text up to a marker, then what the marker begins."""
        cursor, scan = self._cursor, self._scan
        while True:
            ended = cursor.end is not None
            upto, marker = scan.run(cursor.text, cursor.pos, ended=ended)
            scan.ignored_at = -1
            self._pass_text(cursor.take(upto - cursor.pos))
            if marker is not None:
                self._idle = False
                yield from self._read_marker(marker)
                self._idle = True
            elif ended:
                return
            else:
                yield

    def _pass_text(self, text: str) -> None:
        """Pass ordinary text on, as the kind of text that it is here."""
        if not text:
            return
        if self._kind == "content" and self._decides:
            # Only a decision may answer. Other text is kept for the ladder, which may need a best text.
            self._sink.drop("prose", text)
        elif self._kind == "content":
            self._sink.text(text)
        elif self._kind in ("skip", "after_call"):
            self._sink.drop("markup" if self._kind == "skip" else "after_call", text)
        else:
            self._sink.reasoning(text)

    def _begin_text(self, kind: TextKind, *, quoted: bool = False) -> None:
        """Take text for this kind from here on. `quoted`: calls in it are quotations."""
        self._kind = kind
        self._reader.parking = kind in ("think", "message_reasoning")
        self._scan.in_reasoning = kind == "think"
        self._scan.had_reasoning |= kind == "think"
        self._scan.quoted = quoted
        self._scan.after_block()
        self._sink.boundary()

    def _read_marker(self, marker: Marker) -> Steps[None]:
        """Read what a marker begins: a block, an enclosing tag with a block inside, or nothing but the marker."""
        may_enclose = marker.enclosing and not marker.role
        self._refused = ""
        if marker.grammars and (yield from self._read_block(marker.grammars, last=not marker.role and not may_enclose)):
            return
        if not may_enclose:
            yield from self._read_role(marker)
        elif not (yield from self._read_enclosed()):
            self._release(self._refused)

    def _read_enclosed(self) -> Steps[bool]:
        """Read tags around a call, and the call; false where there is none, and the first tag is left.

        Models put calls of their dialect into the wrapper of another one (`<tool_calls>` around hermes'
        `<tool_call>`). Whatever such a tag is called, it vanishes with the call; without a call it is text.
        """
        cursor, began = self._cursor, self._cursor.offset
        enclosing_tag, call_openers = self._scan.enclosing_patterns
        raw, names = "", set[str]()
        for _ in range(MAX_ENCLOSING_TAGS):
            cursor.starved = False
            match = yield from cursor.read_match(enclosing_tag, window=MAX_ENCLOSING)
            if match is None:
                break
            names.add(match["name"].lower())
            raw += match[0] + (yield from self._space())
            inner = yield from cursor.peek_match(call_openers, window=MAX_ENCLOSING)
            grammars = self._scan.grammars_at(cursor.text, cursor.pos, inner[0]) if inner else ()
            cut = cursor.end in ("length", "cut") and (cursor.starved or not cursor.remaining)
            if cut or (grammars and (yield from self._read_block(grammars, last=False))):
                self._scan.open_enclosing |= names
                self._sink.drop("cut" if cut else "markup", raw)
                self._note(began, "wrapper", raw)
                return True
        cursor.put_back(raw)
        return False

    def _space(self) -> Steps[str]:
        """Read white space and return it."""
        tape = self._cursor.record()
        yield from self._cursor.skip_space()
        self._cursor.stop(tape)
        return tape.getvalue()

    def _read_role(self, marker: Marker) -> Steps[None]:
        """Read a marker that begins no call, and do what its role says."""
        cursor, role = self._cursor, marker.role
        began = cursor.offset
        text = cursor.take(self._scan.marker_size)
        ends_message = self._kind in ("message_reasoning", "skip") or self._scan.quoted
        if role == "think":
            form = marker.reasoning
            assert form is not None  # it is this marker's
            if (yield from cursor.read_match(answer_pattern(form), window=64)) is not None:
                self._begin_text("content")
            else:
                if form.header:
                    yield from cursor.read_match(header_pattern(form), window=64)
                self._begin_text("think")
        # A special token ends reasoning only where reasoning is open; `</think>` also alone, because prompts of some
        # models open the reasoning themselves and the plan does not always know it.
        elif (role == "think_end" and (self._kind == "think" or not marker.special)) or (
            role in ("close", "end") and ends_message
        ):
            self._begin_text("content")
        else:
            self._sink.boundary()
            self._scan.after_block()
        if role in ("close", "wrapper", "end"):
            self._last_grammar = None
            self._scan.open_enclosing.discard(text.lower().strip("</> \t\r\n"))
            self._sink.drop("markup", text)
        self._note(began, role, text)

    def _read_block(self, grammars: tuple[AnyGrammar, ...], *, last: bool) -> Steps[bool]:
        """Let the frames of `grammars` try to read a block here; false where none does and the marker is left.

        `last`: the marker means nothing else, so that what is not a block is ordinary text.
        """
        # A section goes on as it began: after a call of GLM the next `<tool_call>` is most likely one, too, and a text
        # that several grammars can read would otherwise change its dialect in the middle.
        if self._last_grammar in grammars:
            grammars = (self._last_grammar, *(one for one in grammars if one is not self._last_grammar))
        cursor, began = self._cursor, self._cursor.offset
        cursor.starved = False
        for grammar in grammars:
            tape = cursor.record()
            self._reader.begin(tape, plain_opener=grammar.plain_opener)
            if isinstance(grammar, MessageGrammar) and self._kind == "message_reasoning":
                self._reader.parking = False  # a new header says itself what its message is
            read = yield from read_block(self._reader, grammar)
            cursor.stop(tape)
            if read is not False:
                self._accept(grammar, read, tape.getvalue())
                self._note(began, "call" if self._reader.has_call else "markup", grammar)
                return True
            self._sink.discard()
            self._reader.parking = self._kind in ("think", "message_reasoning")
            raw = tape.getvalue()
            self._note(began, "unread" if self._reader.has_call else "refused", grammar)
            if grammar is not grammars[-1]:
                cursor.put_back(raw)
        return self._refuse(raw, last=last)

    def _accept(self, grammar: AnyGrammar, read: bool | MessageStart, raw: str) -> None:
        """Let the events of a block out, or park them, and set the kind of text that follows."""
        sink = self._sink
        self._scan.had_call = True
        self._last_grammar = grammar
        if sink.holding:
            sink.park(raw) if self._reader.parking else sink.commit()
        if isinstance(read, MessageStart):
            self._begin_text(read.kind, quoted=read.quoted)
        elif isinstance(grammar, MessageGrammar):
            self._begin_text("content")
        else:
            self._scan.after_block()
            sink.boundary()
            # Some templates end the turn with the calls (Kimi K2, MiniMax M3, Llama): what models write after them is
            # an invented result, not an answer.
            if grammar.after == "drop" and self._kind == "content" and self._reader.has_call:
                self._kind = "after_call"

    def _refuse(self, raw: str, *, last: bool) -> bool:
        """Give back the text of what was not a block; drop it if the end of the text cut what had begun.

        Return whether nothing else can be at the marker.
        """
        cursor = self._cursor
        # Half a marker or half a name before the length limit is not an answer, but an opener of ordinary
        # characters such as `[` is.
        if cursor.end in ("length", "cut") and cursor.starved and not self._reader.plain_opener:
            self._sink.boundary()
            self._sink.drop("cut", raw + cursor.take(cursor.remaining))
            return True
        cursor.put_back(raw)
        self._refused = raw
        if last:
            self._release(raw)
        return last

    def _release(self, raw: str) -> None:
        """Treat what was read as a block, and is none, as ordinary text; see MAX_RESCANS for the two ways."""
        if len(raw) > MAX_RESCAN and self._rescans_left <= 0:
            self._pass_text(self._cursor.take(len(raw)))
            self._scan.after_block()
        else:
            self._rescans_left -= len(raw) > MAX_RESCAN
            self._scan.ignored_at = self._cursor.pos

    def _note(self, began: int, what: str, about: AnyGrammar | str) -> None:
        if self._notes is not None:
            self._notes.add(began, self._cursor.offset, what, about)
