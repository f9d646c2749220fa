"""Bytes to samples and back: every two bytes are a word of the dialect's vocabulary, so that any bytes say something.

Half of all words are the dialect's own (its markers, whole calls and what they are made of), a quarter are fragments of
JSON, markdown and code, a quarter the markers of all dialects and single characters.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from msgspec import Struct
from toolgate_core.dialects import DIALECTS, dialect_names
from toolgate_core.dialects.base import WrittenCall
from toolgate_core.dialects.table import active_grammars
from toolgate_core.extraction.marker_index import marker_index
from toolgate_core.types.vocabulary import TextEnd

from fuzz.laws import Sample

ENDS: tuple[TextEnd, ...] = ("stop", "length", "cut")
HEADER = 4
"""Bytes before the words: dialect, end and whether a thought is open, and two for the sizes of the pieces."""
COMMON, REST = 0x8000, 0xC000
_SIZES = (1, 1, 2, 3, 5, 8, 13, 40, 200)
_CALLS = (
    ("get_weather", '{"city": "Rome", "days": 3, "metric": true, "opt": {"a": [null]}, "tags": ["x"], "note": null}'),
    ("save", '{"html": "<b class=\\"x\\">a &amp; b</b>\\n"}'), ("ping", "{}"), ("nope", '{"a": "b"}'),
    ("fs.read-file", '{"path": "/tmp/a b"}'),
)  # fmt: skip
_COMMON = (
    "{", "}", "[", "]", '"', "'", ",", ":", "\\", '\\"', "\\n", "\\u00", "\\ud83d", '{"', '"}', '":', '", "', "}}",
    "{}", "[]", "null", "true", "True", "None", "false", "1", "-1.5e3", "007", "NaN", '"name"', '"arguments"',
    '"parameters"', '"type":"function"', '{"name": "ping", "arguments": {}}',
    '{"name": "get_weather", "arguments": {"city": "', '{"name":', '"arguments":', "get_weather", "ping", "save",
    "nope", "functions.", "city", "html", "days", "opt", "tags", "=", "==", "(", ")", "f(", "a=1", ";", "|", "~~~",
    "~", "`", "``", "```", "```json\n", "```\n", "\n", "\n\n", " ", "    ", "\t", "\r\n", "<", ">", "</", "/>",
    "<!--", "-->", "<![CDATA[", "]]>", "&lt;", "&amp;", "&#x41;", "&", "<b>", "</b>", "a < b", "text",
    "Text with words. ", "- ", "> ", "1. ", "#", "//", "/*", "*/", "é", "한국어", "😀", "\ud83d", "\ude00", "\u2028",
    "\x00", "\ufeff", "<think>", "</think>", "<|im_end|>", "</s>", '{"action":"call","calls":[',
    '{"action":"answer","answer":"', "Action: ", "Action Input: ", "Observation:", ">>>", "functools[", "call:",
    "key: value\n", "|\n  ",
)  # fmt: skip
_WORD = re.compile(r"<[^<>\s]*>?|\[[A-Z_/]+\]|\w+|\s+|[^\w\s]")


class Vocabulary(Struct, frozen=True):
    """The words of a dialect by how likely they are, and the number of each."""

    own: tuple[str, ...]
    common: tuple[str, ...]
    rest: tuple[str, ...]
    numbers: dict[str, int]
    longest: int

    def word(self, number: int) -> str:
        """Return the word that a number of 16 bits means."""
        if number < COMMON:
            return self.own[number % len(self.own)]
        words, first = (self.common, COMMON) if number < REST else (self.rest, REST)
        return words[(number - first) % len(words)]


@cache
def vocabulary(dialect: str) -> Vocabulary:
    """Return the words of a dialect."""
    form, looked_for = DIALECTS[dialect], active_grammars(dialect)
    own: list[str] = []
    for grammar in form.grammars:
        own += [*(f"<{tag}>" for tag in grammar.tags), *grammar.tokens]
        own += [*(f"</{tag}>" for tag in grammar.close_tags), *grammar.close_tokens]
    for reasoning in form.reasoning:
        own += [reasoning.open, reasoning.close]
    own += [*form.wrappers, *form.ends]
    for name, arguments in _CALLS:
        text = form.render_calls([WrittenCall(name, arguments)])
        own += [text, *_WORD.findall(text)]
    markers = [marker + close for marker in marker_index(looked_for).markers for close in ("", ">")]
    rest = [*markers, *map(chr, range(0x20, 0x7F)), "\n", "ß", "助手："]
    numbers: dict[str, int] = {}
    for first, words in ((REST, rest), (COMMON, _COMMON), (0, own)):
        numbers |= {word: first + place for place, word in enumerate(dict.fromkeys(words))}
    return Vocabulary(
        own=tuple(dict.fromkeys(own)),
        common=tuple(dict.fromkeys(_COMMON)),
        rest=tuple(dict.fromkeys(rest)),
        numbers=numbers,
        longest=max(map(len, numbers)),
    )


def sample_of(data: bytes) -> Sample:
    """Return what bytes say; any bytes say something."""
    data = data.ljust(HEADER, b"\0")
    names = dialect_names()
    dialect = names[data[0] % len(names)]
    words = vocabulary(dialect)
    numbers = memoryview(data)[HEADER : len(data) - len(data) % 2]
    text = "".join(words.word(numbers[at] << 8 | numbers[at + 1]) for at in range(0, len(numbers), 2))
    sizes = tuple(random.Random(data[2] << 8 | data[3]).choices(_SIZES, k=7))
    return Sample(dialect, text, ENDS[data[1] % 3], sizes, reasoning_open=data[1] // 3 % 4 == 3)


def bytes_of(dialect: str, text: str, end: TextEnd) -> bytes:
    """Return bytes that say this text, as far as the vocabulary goes; longer words first."""
    words = vocabulary(dialect)
    data = bytearray((dialect_names().index(dialect), ENDS.index(end), 0, 0))
    at = 0
    while at < len(text):
        sizes = range(min(words.longest, len(text) - at), 0, -1)
        size = next((size for size in sizes if text[at : at + size] in words.numbers), 0)
        number = words.numbers[text[at : at + size] if size else "é"]
        data += bytes((number >> 8, number & 0xFF))
        at += size or 1
    return bytes(data)


def seeds(cases: Path) -> Iterator[bytes]:
    """Return the tests' cases as bytes; `cases` is the folder that has one folder per dialect."""
    for path in sorted(cases.glob("*/*.json")):
        if path.parent.name in DIALECTS:
            for case in json.loads(path.read_text()):
                yield bytes_of(path.parent.name, case["text"], case["finish"])


def mutated(data: bytes, max_size: int, seed: int) -> bytes:
    """Return other bytes: words put in, taken out, moved or said again, the header now and then changed."""
    chance = random.Random(seed)
    head = bytearray(data[:HEADER].ljust(HEADER, b"\0"))
    words = [data[at : at + 2] for at in range(HEADER, len(data) - 1, 2)]
    for _ in range(chance.choice((1, 1, 1, 2, 2, 4, 8))):
        if chance.random() < 0.08:
            head[chance.randrange(HEADER)] = chance.randrange(256)
            continue
        _change(words, chance)
    return bytes(head) + b"".join(words[: max(0, (max_size - HEADER) // 2)])


def _change(words: list[bytes], chance: random.Random) -> None:
    at = chance.randint(0, len(words))
    size = chance.choice((1, 1, 1, 2, 3, 8))
    way = chance.randrange(6)
    if way < 3 or not words:
        words[at:at] = [chance.randbytes(2) for _ in range(chance.choice((1, 1, 2)))]
    elif way == 3:
        del words[at : at + size]
    elif way == 4:
        words[at : at + 1] = [chance.randbytes(2)]
    else:
        other = chance.randrange(len(words))
        words[at:at] = words[other : other + size]
