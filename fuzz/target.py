"""The process that fuzzes: libFuzzer runs in it, and ends it. `fuzz.extraction` starts it with libFuzzer's flags."""

from __future__ import annotations

import sys

import atheris  # type: ignore[import-untyped]

with atheris.instrument_imports(include=["toolgate_core"]):
    from fuzz.findings import FOLDER, Findings
    from fuzz.texts import mutated, sample_of


def main() -> None:
    """Fuzz; never returns."""
    findings = Findings(FOLDER)

    def one(data: bytes) -> None:
        path = findings.add(sample_of(data))
        if path is not None:
            print(f"fuzz: found {path.name}", file=sys.stderr, flush=True)

    atheris.Setup(sys.argv, one, custom_mutator=mutated)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
