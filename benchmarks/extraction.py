"""`python -m benchmarks.extraction`: what reading calls out of text costs, and that it grows as the text does."""

from __future__ import annotations

import argparse
import json
import sys
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from toolgate_core.dialects import DIALECTS
from toolgate_core.dialects.table import active_grammars
from toolgate_core.extraction import MarkerScanner
from toolgate_core.extraction.marker_index import marker_index
from toolgate_core.types.events import Drop, TextDelta

from benchmarks.engine import (
    WrongError,
    best,
    call_text,
    check_call,
    code,
    compared,
    cut,
    quiet,
    read,
    within,
)
from benchmarks.hostile import hostile
from benchmarks.prose import prose
from benchmarks.reparse import Reparse, extrapolated

GROWTH, PLAIN = 2.5, 3.0
"""Limits: t(2n) ÷ t(n), and ordinary text beside `str.find`."""
SIZES = {"whole": 0, "4 KB": 4096, "200": 200}
SLACK = 256 * 1024
"""Bytes by which memory may grow for other reasons than the text."""
PARTS = ("linear", "prose", "hostile")


@dataclass(frozen=True)
class Linear:
    """A call with a string of n and of 2n characters, one at a time; `reparse_s` is extrapolated to 2n."""

    dialect: str
    size: int
    small_s: float
    large_s: float
    reparse_s: float
    reparse_size: int
    limit = GROWTH
    about = "a call"

    @property
    def ratio(self) -> float:
        """t(2n) ÷ t(n)."""
        return self.large_s / self.small_s


@dataclass(frozen=True)
class Plain:
    """Ordinary text in pieces, beside `str.find` of every marker over the same pieces."""

    dialect: str
    reader: str
    pieces: str
    markers: int
    characters: int
    find_s: float
    read_s: float
    limit = PLAIN

    @property
    def ratio(self) -> float:
        """Reading ÷ finding."""
        return self.read_s / self.find_s

    @property
    def about(self) -> str:
        """What was measured."""
        return f"ordinary text, {self.reader}, {self.pieces}"


@dataclass(frozen=True)
class Hostile:
    """A hard text of n and of 2n characters; `pieces` is `whole` or `1`, memory is the peak of a whole text."""

    dialect: str
    made: str
    pieces: str
    size: int
    small_s: float
    large_s: float
    small_bytes: int = 0
    large_bytes: int = 0
    limit = GROWTH

    @property
    def ratio(self) -> float:
        """t(2n) ÷ t(n), or what memory grew by where that is more."""
        memory = (self.large_bytes - SLACK) / self.small_bytes if self.small_bytes else 0.0
        return max(self.large_s / self.small_s, memory)

    @property
    def about(self) -> str:
        """What was measured."""
        return f"{self.made}, in pieces: {self.pieces}"


@dataclass(frozen=True)
class Wrong:
    """A text that was not read as what it says, so that its time means nothing."""

    dialect: str
    why: str


Figure = Linear | Plain | Hostile


def linear(dialect: str, size: int, reparse_size: int, runs: int) -> Linear:
    """Measure one call at `size` and twice that; raise `WrongError` where it is not read back."""
    parts = [list(call_text(dialect, code(length)).text) for length in (size, 2 * size)]
    for length, pieces in zip((size, 2 * size), parts, strict=True):
        check_call(read(dialect, pieces), code(length))
    small, large = compared(partial(read, dialect, parts[0]), partial(read, dialect, parts[1]), runs, GROWTH)
    one, two = _reparse_s(dialect, reparse_size), _reparse_s(dialect, 2 * reparse_size)
    return Linear(dialect, size, small, large, extrapolated(one, two, reparse_size, 2 * size), reparse_size)


def _reparse_s(dialect: str, size: int) -> float:
    form = call_text(dialect, code(size))

    def job() -> str:
        parser = Reparse(form)
        for delta in form.text:
            parser.feed(delta)
        return parser.sent

    read_back = {code(size), form.written}  # it decodes JSON, but no entities
    if job() not in {json.dumps({"html": value}, ensure_ascii=False)[:-2] for value in read_back}:
        raise WrongError("the yardstick does not read the string back")
    return best(job, 2)


def plain(dialect: str, text: str, runs: int) -> Iterator[Plain]:
    """Measure ordinary text; raise `WrongError` where it does not come out unchanged."""
    markers = tuple(marker_index(active_grammars(dialect)).markers)
    for name, size in SIZES.items():
        pieces = cut(text, size)
        jobs: dict[str, Callable[[], object]] = {"Extraction": partial(read, dialect, pieces)}
        if not _check_text(dialect, pieces):
            jobs["MarkerScanner"] = partial(_scan, dialect, pieces)
        for reader, job in jobs.items():
            find, took = compared(partial(_find, markers, pieces), job, runs, PLAIN)
            yield Plain(dialect, reader, name, len(markers), len(text), find, took)


def _find(markers: Sequence[str], pieces: Sequence[str]) -> None:
    for piece in pieces:
        for marker in markers:
            piece.find(marker)


def _scan(dialect: str, pieces: Sequence[str]) -> tuple[MarkerScanner, str]:
    scanner = MarkerScanner(dialect)
    return scanner, "".join([scanner.feed(piece) for piece in pieces]) + scanner.finish()


def _check_text(dialect: str, pieces: Sequence[str]) -> bool:
    """Check that ordinary text comes out unchanged; return whether the scanner stops where a call might begin."""
    text = "".join(pieces)
    events = read(dialect, pieces)
    said = "".join(
        event.text if isinstance(event, TextDelta) else event.raw if isinstance(event, Drop) else "" for event in events
    )
    scanner, passed = _scan(dialect, pieces)
    if said != text or passed + scanner.held != text:
        raise WrongError("ordinary text does not come out unchanged")
    return scanner.hit


def hard(dialect: str, size: int) -> Iterator[Hostile]:
    """Measure hard texts, whole and one character at a time."""
    small, large = hostile(dialect, size), hostile(dialect, 2 * size)
    for made in small:
        for pieces, length in (("whole", 0), ("1", 1)):
            one, two = cut(small[made], length), cut(large[made], length)
            times = compared(partial(read, dialect, one), partial(read, dialect, two), 1, GROWTH)
            memory = (0, 0) if length else (_peak(dialect, one), _peak(dialect, two))
            yield Hostile(dialect, made, pieces, size, *times, *memory)


def _peak(dialect: str, parts: Sequence[str]) -> int:
    """Return the most bytes that reading held at once."""
    with quiet():
        tracemalloc.start()
        read(dialect, parts)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return peak


def _mark(figure: Figure) -> str:
    return f"{figure.ratio:.2f}{' !' if figure.ratio > figure.limit else ''}"


def linear_row(row: Linear) -> str:
    """Return one line of the first table."""
    each = row.large_s / (2 * row.size) * 1e6
    return (
        f"| {row.dialect} | {row.size:,} | {row.small_s:.3f} | {row.large_s:.3f} | {_mark(row)} | {each:.1f} "
        f"| {row.reparse_s:,.1f} | {row.reparse_s / row.large_s:,.0f} |"
    )


def plain_row(rows: Sequence[Plain]) -> str:
    """Return one line of the second table: a dialect in pieces of all sizes, read by both readers."""
    both = [[row for row in rows if row.reader == reader] for reader in ("Extraction", "MarkerScanner")]
    speeds = [f"{row.characters / row.read_s / 1e6:.0f}" for row in both[0]]
    ratios = [_mark(row) for row in both[0]] + [_mark(row) for row in both[1]]
    ratios += ["stops"] * (2 * len(SIZES) - len(ratios))
    return f"| {rows[0].dialect} | {rows[0].markers} | {' | '.join(speeds + ratios)} |"


def hostile_table(rows: Sequence[Hostile]) -> str:
    """Return for every kind of text the dialects that do worst."""
    lines = [
        "| text | worst growth | of | in pieces | most µs a character | of | in pieces | most bytes a character | of |",
        "|---|---:|---|---|---:|---|---|---:|---|",
    ]
    for made in dict.fromkeys(row.made for row in rows):
        mine = [row for row in rows if row.made == made]
        grown = max(mine, key=lambda row: row.ratio)
        slow = max(mine, key=lambda row: row.large_s)
        big = max(mine, key=lambda row: row.large_bytes)
        lines.append(
            f"| {made} | {_mark(grown)} | {grown.dialect} | {grown.pieces} | {slow.large_s / slow.size / 2 * 1e6:.1f} "
            f"| {slow.dialect} | {slow.pieces} | {big.large_bytes / big.size / 2:.0f} | {big.dialect} |"
        )
    return "\n".join(lines)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.extraction", description=__doc__)
    parser.add_argument("--dialect", nargs="+", choices=sorted(DIALECTS), default=list(DIALECTS), metavar="NAME")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="measure only these parts")
    parser.add_argument("--size", type=int, default=100_000, help="characters of the shorter string of a call")
    parser.add_argument("--reparse-size", type=int, default=4_000, help="the same for the yardstick that parses again")
    parser.add_argument("--prose-size", type=int, default=40_000, help="characters of ordinary text")
    parser.add_argument("--hostile-size", type=int, default=2_000, help="characters of the shorter hard text")
    parser.add_argument("--runs", type=int, default=2, help="runs, of which the fastest counts")
    parser.add_argument("--json", type=Path, help="write all figures into this file")
    parser.add_argument("--check", action="store_true", help="end with 1 where a ratio is over its limit")
    return parser.parse_args(arguments)


def _linear(options: argparse.Namespace) -> Iterator[Figure | Wrong]:
    size, again = options.size, options.reparse_size
    print(f"\nA call with a string of {size:,} and {2 * size:,} characters, fed one character at a time (CPU seconds).")
    print(
        f"Parsing all again at every delta is measured at {again:,} and {2 * again:,} characters, "
        "and extrapolated as an + bn² to 2n.\n"
    )
    print("| dialect | n | s at n | s at 2n | growth | µs a character | s parsing again, extrapolated | ÷ this |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for dialect in options.dialect:
        try:
            row = linear(dialect, within(dialect, size), again, options.runs)
        except WrongError as error:
            print(f"| {dialect} | {error} |||||||")
            yield Wrong(dialect, f"a call: {error}")
            continue
        print(linear_row(row), flush=True)
        yield row


def _plain(options: argparse.Namespace) -> Iterator[Figure | Wrong]:
    text = prose(options.prose_size)
    print(f"\n{len(text):,} characters of ordinary text; ÷ find: beside `str.find` of every marker, same pieces.\n")
    kinds = ("M characters/s", "÷ find", "scanner ÷ find")
    print(f"| dialect | markers | {' | '.join(f'{kind}, {size}' for kind in kinds for size in SIZES)} |")
    print(f"|---|---:|{'---:|' * len(kinds) * len(SIZES)}")
    for dialect in options.dialect:
        try:
            rows = list(plain(dialect, text, options.runs + 3))
        except WrongError as error:
            print(f"| {dialect} | {error} |{'|' * len(kinds) * len(SIZES)}")
            yield Wrong(dialect, f"ordinary text: {error}")
            continue
        print(plain_row(rows), flush=True)
        yield from rows


def _hostile(options: argparse.Namespace) -> Iterator[Figure | Wrong]:
    print(f"\nHard texts of {options.hostile_size:,} and twice as many characters: the worst of all dialects.\n")
    rows: list[Hostile] = []
    for dialect in options.dialect:
        print(f"hostile: {dialect}", file=sys.stderr, flush=True)
        rows += hard(dialect, options.hostile_size)
    print(hostile_table(rows))
    yield from rows


def _save(path: Path, figures: Sequence[Figure]) -> None:
    rows = [{"kind": type(row).__name__.lower(), **asdict(row), "ratio": row.ratio} for row in figures]
    path.write_text(json.dumps(rows, indent=1) + "\n")


def verdict(found: Sequence[Figure | Wrong], *, check: bool) -> int:
    """Print what is wrong or over its limit; return 1 where something is wrong, or with `check` over its limit."""
    wrong = [row for row in found if isinstance(row, Wrong)]
    over = [row for row in found if not isinstance(row, Wrong) and row.ratio > row.limit]
    print(f"\n{len(found)} figures, {len(over)} over the limit ({GROWTH} for growth, {PLAIN} beside `str.find`).")
    for row in over:
        print(f"- {row.dialect}, {row.about}: {row.ratio:.2f}")
    for failed in wrong:
        print(f"- {failed.dialect}, {failed.why}")
    return 1 if wrong or (over and check) else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 1 where a text is read wrong, or with `--check` where a ratio is over its limit."""
    options = _options(arguments)
    found: list[Figure | Wrong] = []
    for name, part in zip(PARTS, (_linear, _plain, _hostile), strict=True):
        found += part(options) if name in options.only else ()
    if options.json:
        _save(options.json, [row for row in found if not isinstance(row, Wrong)])
    return verdict(found, check=options.check)


if __name__ == "__main__":
    sys.exit(main())
