"""Ordinary text of an answer: prose with markdown and no call in it, the same at every run, no passage twice."""

from __future__ import annotations

import random
from collections.abc import Callable

_WHO = (
    "the committee", "a careful reader", "my neighbour", "the second crew", "an apprentice", "the archivist",
    "every beekeeper", "the night shift", "a retired surveyor", "the compiler", "the river authority", "this recipe",
    "the older translation", "a migrating stork", "the harbour master", "the scheduler", "our landlord",
)  # fmt: skip
_DOES = (
    "rarely agrees with", "depends on", "was written long before", "keeps a record of", "outlived", "quietly replaced",
    "needs twice as much as", "cannot be separated from", "explains", "was named after", "measures", "ignores",
    "is cheaper than", "should be read beside", "follows from", "has little to do with", "still uses", "warns against",
)  # fmt: skip
_WHAT = (
    "the tide tables of 1893", "a cache that is never warm", "rye flour and cold water", "the southern aqueduct",
    "three kinds of lichen", "the index of a large table", "a slow movement in D minor", "the price of copper wire",
    "soil that drains badly", "an exposure of two seconds", "the third normal form", "a well-kept ledger",
    "the treaty's second article", "salt, vinegar and patience", "a half-open valve", "the average of the last 30 days",
    "lenses ground by hand", "what the witness really said", "a queue with one consumer", "the word for snow",
)  # fmt: skip
_TURNS = (
    "However, ", "In practice, ", "That said, ", "For example: ", "Oddly enough, ", "As a rule of thumb, ", "By 1910, ",
    "On the other hand, ", "Strictly speaking, ", "Once the glue has dried, ", "", "", "", "", "",
)  # fmt: skip
_ENDS = (
    ".", ".", ".", ".", "; no reason is known.", " (at least in winter).", ", which is about 40 % more.", "!", "?",
    " — and that matters.", ", or so it's said.", " at 7:30 or 19:45.", ": see below.", "; compare the 2nd edition.",
)  # fmt: skip
_CODE = (
    "git rebase -i", "O(n log n)", "x = y + 1", "SELECT id FROM t", "/etc/hosts", "kubectl get pods", "a[i] > 0",
    "--dry-run", "Map<String, Integer>", "std::vector", "{}", "map(f, xs)", "http://localhost:8080",
)  # fmt: skip
_FOREIGN = (
    "Das Wehr wurde später erhöht, die Schleuse nicht. ", "La règle est plus ancienne que le mètre. ",
    "이 표는 지난해의 값을 기준으로 합니다. ", "この方法は雨の日には使えません。", "结果取决于水温和时间。",
    "El molino dejó de funcionar en 1952. ", "Реку перекрыли позже, чем думали. ",
)  # fmt: skip
_BLOCKS = (
    "```python\ndef {0}(rows: list[int]) -> int:\n    return sum(row for row in rows if row < {1}) // len(rows)\n```",
    "```sh\n$ {0} --limit={1} ./data | sort -u > out.txt\n```",
    '```json\n{{"{0}": {1}, "unit": "kg", "tags": ["a", "b"]}}\n```',
    "```html\n<ul><li>{0}</li><li>{1}</li></ul>\n```",
)

Part = Callable[[random.Random], str]


def _sentence(chance: random.Random) -> str:
    clause = f"{chance.choice(_WHO)} {chance.choice(_DOES)} {chance.choice(_WHAT)}"
    if chance.random() < 0.35:
        clause += f", while {chance.choice(_WHO)} {chance.choice(_DOES)} {chance.choice(_WHAT)}"
    turn = chance.choice(_TURNS)
    clause = clause if turn else clause[0].upper() + clause[1:]
    return turn + _marked(clause, chance) + chance.choice(_ENDS)


def _marked(clause: str, chance: random.Random) -> str:
    """Sometimes set a word in bold or italics, add inline code or a link, or compare numbers."""
    words = clause.split()
    place = chance.randrange(len(words))
    number = chance.randint(2, 9999)
    forms = (
        f"**{words[place]}**", f"*{words[place]}*", f"{words[place]} (`{chance.choice(_CODE)}`)",
        f"[{words[place]}](https://example.org/{number}/page?q={number % 7})", f"{words[place]} [{number % 30}]",
        f"{words[place]} (n < {number})", f"“{words[place]}”",
    )  # fmt: skip
    if chance.random() < 0.45:
        words[place] = chance.choice(forms)
    return " ".join(words)


def _paragraph(chance: random.Random) -> str:
    text = " ".join(_sentence(chance) for _ in range(chance.randint(2, 7)))
    return text + " " + chance.choice(_FOREIGN).strip() if chance.random() < 0.12 else text


def _heading(chance: random.Random) -> str:
    return f"{'#' * chance.randint(2, 4)} {chance.choice(_WHAT).capitalize()}"


def _bullets(chance: random.Random) -> str:
    mark = chance.choice(("-", "*", "1."))
    return "\n".join(f"{mark} {_sentence(chance)}" for _ in range(chance.randint(3, 6)))


def _quote(chance: random.Random) -> str:
    return "\n".join(f"> {_sentence(chance)}" for _ in range(chance.randint(1, 3)))


def _table(chance: random.Random) -> str:
    rows = [
        f"| {chance.choice(_WHAT)} | {chance.randint(1, 5000)} | {chance.random():.2f} |"
        for _ in range(chance.randint(3, 7))
    ]
    return "\n".join(("| what | count | share |", "|---|---:|---:|", *rows))


def _block(chance: random.Random) -> str:
    return chance.choice(_BLOCKS).format(chance.choice(("total", "weights", "report")), chance.randint(10, 5000))


_PARTS: tuple[Part, ...] = (_heading, _bullets, _quote, _table, _block, *(_paragraph,) * 9)


def prose(size: int = 40_000) -> str:
    """Return at least `size` characters, up to the end of a paragraph."""
    chance = random.Random(1893)
    parts: list[str] = []
    length = 0
    while length < size:
        parts.append(chance.choice(_PARTS)(chance))
        length += len(parts[-1]) + 2
    return "\n\n".join(parts) + "\n"
