"""Frame: the decision JSON, `{"action":"call","calls":[…]}` or `{"action":"answer","answer":…}`.

The text of a string `answer` streams while it is being read; any other `answer` streams as its JSON text. Calls are
read as in an envelope. What stands around the object (a code fence, stray words) is no part of the answer.
"""

from __future__ import annotations

import re

import regex

from toolgate_core.dialects.base import DecisionGrammar
from toolgate_core.extraction.block_reader import BlockReader
from toolgate_core.extraction.cursor import Steps
from toolgate_core.extraction.frames.json_envelope import Body
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
    """Read a decision; false where the text is none."""
    cursor = reader.cursor
    if (yield from cursor.peek()) == "`":
        yield from cursor.expect(_FENCE, window=64)
    while not _FIRST_KEY.match(cursor.text, cursor.pos):
        if not _FIRST_KEY_HEAD.match(cursor.text[cursor.pos : cursor.pos + 64]) or not (yield from cursor.more()):
            return False
    decision = Decision(reader, grammar)
    if not (yield from decision.read()):
        return False
    yield from cursor.space()
    yield from cursor.closes(_CLOSE_FENCE)
    return True


class Decision:
    """One decision object."""

    def __init__(self, reader: BlockReader, grammar: DecisionGrammar) -> None:
        self._reader = reader
        self._cursor = reader.cursor
        self._grammar = grammar
        self._body = Body(reader, grammar.envelope, _EDGES)
        self._action = ""
        self._said: list[str] = []
        self._answered = False

    def read(self) -> Steps[bool]:
        """Read the object, repaired where needed; false where it is no decision."""
        tape = self._cursor.record()
        self._body.tape = tape
        try:
            yield from self._object()
            self._cursor.stop(tape)
        except TooLargeError:
            self._cursor.stop(tape)
            return (yield from self._body.too_large())
        except MalformedBlockError:
            return self._repaired((yield from repair_block(self._reader, tape, _EDGES)))
        return True

    def _object(self) -> Steps[None]:
        separator = self._cursor.take(1)
        while separator != "}":
            if (yield from self._cursor.space()) != '"':
                raise MalformedBlockError
            key = yield from short_string(self._reader)
            yield from self._body.expect(":")
            yield from self._member(key)
            separator = yield from self._body.expect(",}")
        if not self._answered and not self._body.done:
            raise MalformedBlockError

    def _member(self, key: str) -> Steps[None]:
        char = yield from self._cursor.space()
        if key == "action" and char == '"':
            self._action = yield from short_string(self._reader)
            return
        if key == "answer" and self._action != "call":
            yield from self._answer(char)
        elif key == "calls" and self._action != "answer" and char == "[":
            yield from self._body.array()
        elif key in ("answer", "calls"):
            yield from self._answer_value(keep=False)
        else:
            raise MalformedBlockError

    def _answer(self, char: str) -> Steps[None]:
        self._reader.commit()
        self._answered = True
        if char == '"':
            yield from read_string(self._cursor, self._say)
        else:
            yield from self._answer_value(keep=True)

    def _say(self, text: str) -> None:
        self._said.append(text)
        self._reader.sink.verbatim(text)

    def _answer_value(self, *, keep: bool) -> Steps[None]:
        cursor, scan = self._cursor, JsonScanner()
        while not scan.done:
            stop = scan.read(cursor.text, cursor.pos, ended=cursor.end is not None)
            cursor.take(stop - cursor.pos)
            if keep and scan.out:
                self._say("".join(scan.out))
            scan.out.clear()
            if scan.done and keep:
                self._say(scan.tail())
            if scan.bad or (not scan.done and not (yield from cursor.more())):
                raise MalformedBlockError

    def _repaired(self, repaired: Repaired | str) -> bool:
        if isinstance(repaired, str):
            return self._failed(repaired)
        value = repaired.value
        if isinstance(value, dict) and (value.get("action") == "answer" or self._answered) and "answer" in value:
            return self._answer_rest(value["answer"])
        if not isinstance(value, dict) or (not self._body.open and not calls_in(value, self._grammar.envelope)):
            return False
        calls: JsonValue = value.get("calls", value)
        return self._body.write_repaired(Repaired(calls, repaired.repairs))

    def _answer_rest(self, answer: JsonValue) -> bool:
        said = "".join(self._said)
        whole = answer if isinstance(answer, str) else encode_str(answer)
        self._reader.commit()
        if not isinstance(answer, str) and said:  # pieces of JSON text are out: what follows must go on from them
            whole = said + (continuation(said, answer) or "")
        if whole.startswith(said):
            self._reader.sink.verbatim(whole[len(said) :])
        else:
            self._reader.sink.drop("bad_json", whole)
        return True

    def _failed(self, raw: str) -> bool:
        kind = "bad_json" if self._reader.stopped else "cut"
        if self._answered:
            self._reader.sink.drop(kind, raw)
            return True
        calls = _CALLS.search(raw)
        return self._body.listed(raw[calls.end() :]) if calls is not None else self._body.failed(raw)
