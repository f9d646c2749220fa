"""Findings: samples that break a law, made small and written down."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec.structs import replace

from fuzz.laws import Broken, Sample, broken
from fuzz.texts import sample_of

Check = Callable[[Sample], Broken | None]
FOLDER = Path(__file__).parent / "findings"
PER_LAW = 8
"""How many findings are kept of one law in one run."""


def shrunk(sample: Sample, fails: Callable[[Sample], bool], budget: int = 3000) -> Sample:
    """Return a plainer sample of less text that still fails; `budget` is how many texts are tried at most."""
    plainer = [replace(sample, end="stop", reasoning_open=False), replace(sample, end="stop")]
    sample = next((other for other in plainer if fails(other)), sample)
    sizes = ((size,) for size in (1, 2, 3, 8, 40, 200))
    sample = next((other for one in sizes if fails(other := replace(sample, sizes=one))), sample)
    size = max(1, len(sample.text) // 2)
    while size:
        at = 0
        while at < len(sample.text) and budget > 0:
            budget -= 1
            less = replace(sample, text=sample.text[:at] + sample.text[at + size :])
            if fails(less):
                sample = less
            else:
                at += size
        size //= 2
    return sample


class Findings:
    """Collects the findings of one run, one of each kind; `check` says which law a sample breaks."""

    def __init__(self, folder: Path, check: Check = broken) -> None:
        self._folder = folder
        self._check = check
        self._seen: dict[str, set[str]] = {}

    def add(self, sample: Sample) -> Path | None:
        """Write down the sample of a broken law, with as little text as shows it; none if there is one of its kind."""
        what = self._check(sample)
        if what is None:
            return None
        seen = self._seen.setdefault(what.law, set())
        if what.where in seen or len(seen) >= PER_LAW:
            return None
        seen.add(what.where)

        def fails(less: Sample) -> bool:
            other = self._check(less)
            return other is not None and (other.law, other.where) == (what.law, what.where)

        sample = shrunk(sample, fails)
        return write(self._folder, sample, self._check(sample))


def write(folder: Path, sample: Sample, what: Broken | None) -> Path:
    """Write a sample and the law that it breaks into a file named after its content."""
    finding = {"sample": msgspec.to_builtins(sample), "broken": msgspec.to_builtins(what)}
    text = json.dumps(finding, indent=1) + "\n"
    folder.mkdir(exist_ok=True)
    path = folder / f"{sample.dialect}-{hashlib.sha256(text.encode()).hexdigest()[:12]}.json"
    path.write_text(text)
    return path


def load(path: Path) -> Sample:
    """Return the sample of a finding, or of the bytes of an input that took too long."""
    data = path.read_bytes()
    if path.suffix != ".json":
        return sample_of(data)
    return msgspec.convert(json.loads(data)["sample"], Sample)
