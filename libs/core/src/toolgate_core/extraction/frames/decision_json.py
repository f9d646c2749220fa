"""Frame: the decision JSON of the constrained strategies.

```
decision = [fence] "{" "action": ("call" | "answer"), ("calls": [ envelope … ] | "answer": value) "}" [fence]
```
(Source: the decision schema in `toolgate_core.schema.decision`, which is sent upstream as `response_format`.)

The text of a string `answer` streams while it is being read, so that the client sees an answer at once; any other
`answer` streams as its JSON text. Calls are read as in an envelope. `action` comes first by the schema: it says which
of the two members counts where a model without a constraint writes both. What is around the object (a code fence,
stray words) is not part of the answer.

Invariants: once answer text has been emitted, a repair can only continue it, never replace it. What may wait: half an
escape, the first key of the object (at most 64 characters).
"""

from __future__ import annotations

import re

import regex

from toolgate_core.dialects.base import DecisionGrammar
from toolgate_core.extraction.block_reader import BlockReader
from toolgate_core.extraction.cursor import Steps
from toolgate_core.extraction.frames.json_envelope import EnvelopeBody
from toolgate_core.extraction.json_calls import calls_in
from toolgate_core.extraction.json_reader import (
    JsonScanner,
    MalformedBlockError,
    TooLargeError,
    continuation,
    read_string,
)
from toolgate_core.extraction.json_values import short_string
from toolgate_core.extraction.repair import Repaired, repair_block
from toolgate_core.jsontext import JsonValue, encode_str

_FENCE = regex.compile(r"```(?:json)?\s*(?=\{)")
_FIRST_KEY = re.compile(r"""\{\s*["']?(action|answer|calls|tool_calls|name|function)["']?\s*:""")
_FIRST_KEY_HEAD = re.compile(r"""\{(?:\s*(?:["']?(?:[a-z_]{1,10}(?:["']?\s*)?)?)?)?\Z""")
_EDGES = regex.compile(r"(?P<other>(?!))")
_CALLS = re.compile(r"""["']?calls["']?\s*:\s*\[""")
_CLOSE_FENCE = regex.compile("```")


def read_decision(reader: BlockReader, grammar: DecisionGrammar) -> Steps[bool]:
    """Read a decision; false if the text is not one."""
    cursor = reader.cursor
    if (yield from cursor.peek()) == "`":
        yield from cursor.read_match(_FENCE, window=64)
    # Until the first key is there an object may be anything; other JSON is released as text at its first key.
    while not _FIRST_KEY.match(cursor.text, cursor.pos):
        if not _FIRST_KEY_HEAD.match(cursor.text[cursor.pos : cursor.pos + 64]) or not (yield from cursor.wait()):
            return False
    decision = DecisionReader(reader, grammar)
    if not (yield from decision.read()):
        return False
    yield from cursor.skip_space()
    yield from cursor.read_closer(_CLOSE_FENCE)
    return True


class DecisionReader:
    """Reads one decision object."""

    def __init__(self, reader: BlockReader, grammar: DecisionGrammar) -> None:
        self._reader = reader
        self._cursor = reader.cursor
        self._grammar = grammar
        self._body = EnvelopeBody(reader, grammar.envelope, _EDGES)
        self._action = ""
        self._answer_text: list[str] = []
        self._answered = False

    def read(self) -> Steps[bool]:
        """Read the object, repaired where needed; false where it is not a decision."""
        tape = self._cursor.record()
        self._body.tape = tape
        try:
            yield from self._object()
            self._cursor.stop(tape)
        except TooLargeError:
            self._cursor.stop(tape)
            return (yield from self._body.skip_too_large())
        except MalformedBlockError:
            return self._write_repaired((yield from repair_block(self._reader, tape, _EDGES)))
        return True

    def _object(self) -> Steps[None]:
        separator = self._cursor.take(1)
        while separator != "}":
            if (yield from self._cursor.skip_space()) != '"':
                raise MalformedBlockError
            key = yield from short_string(self._reader)
            yield from self._body.read_char(":")
            yield from self._member(key)
            separator = yield from self._body.read_char(",}")
        # An object that neither answers nor calls is not a decision, even if it has the right keys.
        if not self._answered and not self._body.done:
            raise MalformedBlockError

    def _member(self, key: str) -> Steps[None]:
        char = yield from self._cursor.skip_space()
        if key == "action" and char == '"':
            self._action = yield from short_string(self._reader)
            return
        # Without `action` the members themselves say what was decided; with it, the other member is not a decision.
        if key == "answer" and self._action != "call":
            yield from self._answer(char)
        elif key == "calls" and self._action != "answer" and char == "[":
            yield from self._body.read_array()
        # The member that `action` ruled out is read over: a constrained model may have to write it.
        elif key in ("answer", "calls"):
            yield from self._answer_value(keep=False)
        else:
            raise MalformedBlockError

    def _answer(self, char: str) -> Steps[None]:
        # An answer needs no name that must be declared: what has been read makes it one for certain.
        self._reader.commit()
        self._answered = True
        if char == '"':
            yield from read_string(self._cursor, self._send_answer)
        else:
            yield from self._answer_value(keep=True)

    def _send_answer(self, text: str) -> None:
        self._answer_text.append(text)
        self._reader.sink.verbatim(text)

    def _answer_value(self, *, keep: bool) -> Steps[None]:
        cursor, scan = self._cursor, JsonScanner()
        while not scan.done:
            stop = scan.read(cursor.text, cursor.pos, ended=cursor.end is not None)
            cursor.take(stop - cursor.pos)
            if keep and scan.out:
                self._send_answer("".join(scan.out))
            scan.out.clear()
            # Behind the last quote nothing can follow but the object's own bracket, so the tail is certain here.
            if scan.done and keep:
                self._send_answer(scan.tail())
            if scan.bad or (not scan.done and not (yield from cursor.wait())):
                raise MalformedBlockError

    def _write_repaired(self, repaired: Repaired | str) -> bool:
        if isinstance(repaired, str):
            return self._end_unreadable(repaired)
        value = repaired.value
        # What was emitted as an answer stays one, whatever the repaired object says.
        if isinstance(value, dict) and (value.get("action") == "answer" or self._answered) and "answer" in value:
            return self._answer_rest(value["answer"])
        # Near-JSON without an envelope is some other object: text.
        if not isinstance(value, dict) or (not self._body.open and not calls_in(value, self._grammar.envelope)):
            return False
        calls: JsonValue = value.get("calls", value)
        return self._body.write_repaired(Repaired(calls, repaired.repairs))

    def _answer_rest(self, answer: JsonValue) -> bool:
        said = "".join(self._answer_text)
        whole = answer if isinstance(answer, str) else encode_str(answer)
        self._reader.commit()
        if not isinstance(answer, str) and said:  # pieces of JSON text are out: what follows must go on from them
            whole = said + (continuation(said, answer) or "")
        # Text that was emitted can't be replaced. A repaired answer that differs from it is reported and not shown
        # twice.
        if whole.startswith(said):
            self._reader.sink.verbatim(whole[len(said) :])
        else:
            self._reader.sink.drop("bad_json", whole)
        return True

    def _end_unreadable(self, raw: str) -> bool:
        kind = "bad_json" if self._reader.stopped else "cut"
        # An answer that breaks off has been shown as far as it came.
        if self._answered:
            self._reader.sink.drop(kind, raw)
            return True
        calls = _CALLS.search(raw)
        return self._body.write_list(raw[calls.end() :]) if calls is not None else self._body.end_unreadable(raw)
