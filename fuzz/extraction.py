"""`python -m fuzz.extraction`: fuzz for some time, or read findings again.

A sample that breaks a law does not end the run: it is made small and written into `fuzz/findings/`. An input that takes
more than `TIMEOUT_S` seconds does, and lies there, too, as the bytes that it is.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from fuzz.findings import FOLDER, Check, load
from fuzz.laws import broken
from fuzz.texts import seeds

ROOT = Path(__file__).resolve().parent.parent
CORPUS = ROOT / "fuzz" / "corpus"
CASES = ROOT / "tests" / "core" / "dialects" / "cases"
MAX_BYTES = 1024
TIMEOUT_S = 20


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m fuzz.extraction", description=__doc__)
    parser.add_argument("--seconds", type=int, default=600, help="how long to fuzz")
    parser.add_argument("--seed", type=int, default=0, help="of libFuzzer; 0: another one at every run")
    parser.add_argument("--replay", nargs="+", type=Path, metavar="FILE", help="read findings again instead")
    return parser.parse_args(arguments)


def sow(corpus: Path, cases: Path) -> int:
    """Write the tests' cases into the corpus, if they are not there; return how many there are."""
    corpus.mkdir(parents=True, exist_ok=True)
    count = 0
    for count, data in enumerate(seeds(cases), start=1):  # noqa: B007 - it is what is returned
        (corpus / hashlib.sha1(data).hexdigest()).write_bytes(data)
    return count


def fuzz(seconds: int, seed: int) -> int:
    """Fuzz; return 1 where something was found."""
    count = sow(CORPUS, CASES)
    FOLDER.mkdir(exist_ok=True)
    before = set(FOLDER.iterdir())
    print(f"fuzz: {seconds} s, beginning with {count} cases of the tests", flush=True)
    flags = [f"-max_total_time={seconds}", f"-seed={seed}", f"-max_len={MAX_BYTES}", f"-timeout={TIMEOUT_S}"]
    flags += [f"-artifact_prefix={FOLDER}/", "-rss_limit_mb=2048", "-print_final_stats=1", "-verbosity=0"]
    ended = subprocess.run([sys.executable, "-m", "fuzz.target", *flags, str(CORPUS)], cwd=ROOT, check=False)
    found = sorted(set(FOLDER.iterdir()) - before)
    for path in found:
        print(f"found: {sys.executable} -m fuzz.extraction --replay {shlex.quote(str(path.relative_to(ROOT)))}")
    print(f"fuzz: {len(found)} findings")
    return 1 if found or ended.returncode else 0


def replay(paths: Sequence[Path], check: Check = broken) -> int:
    """Read findings again; return 1 while one of them still breaks a law."""
    failing = 0
    for path in paths:
        sample = load(path)
        what = check(sample)
        failing += what is not None
        print(f"{path}: {f'{what.law} ({what.where})' if what else 'holds now'}")
        print(f"  {sample.dialect}, end {sample.end}, pieces {list(sample.sizes)}: {json.dumps(sample.text)}")
        if what:
            print(f"  {what.how}")
    return 1 if failing else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; return 1 where a law is broken."""
    options = _options(arguments)
    return replay(options.replay) if options.replay else fuzz(options.seconds, options.seed)


if __name__ == "__main__":
    sys.exit(main())
