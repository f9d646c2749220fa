"""Writes `docs/limits.md` from `toolgate_core/limits.py`. `--check` only compares."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from types import ModuleType

from toolgate_core import limits

TARGET = Path(__file__).resolve().parent.parent / "docs" / "limits.md"

HEAD = """# Limits

<!-- Written by scripts/limits.py from libs/core/src/toolgate_core/limits.py; change that, then run `make generate`. -->

Everything that a client, a model or an upstream can send has a limit, so that no single one can block the gateway for
the others. A request beyond a limit is rejected with a 400 (413 for its size, 431 for its head) that names the field.
Where a row names a setting, [configuration.md](configuration.md) says how to change it; the other limits are fixed.
"""

SECTION = re.compile(r"# == (.+) ==\Z")
ASSIGNED = re.compile(r"([A-Z][A-Z0-9_]*)(?:: [^=]+)? = ")
KIB, MIB = 1024, 1024 * 1024


def shown(value: object) -> str:
    """Return a bound as the table shows it."""
    if isinstance(value, int) and not isinstance(value, bool):
        for unit, name in ((MIB, "Mi"), (KIB, "Ki")):
            if value >= unit and value % unit == 0:
                return f"{value // unit:,} {name}"
        return f"{value:,}"
    return str(value)


def page(module: ModuleType, source: str) -> str:
    """Return the whole page; raise `ValueError` for a bound without section or comment."""
    lines = [HEAD]
    comment, section, rows = "", "", 0
    for line in source.splitlines():
        if found := SECTION.match(line):
            section, rows = found[1], 0
        elif line.startswith("# "):
            comment = f"{comment} {line[2:]}".strip()
            continue
        if assigned := ASSIGNED.match(line):
            name = assigned[1]
            if not comment or not section:
                raise ValueError(f"{name} has no comment above it, or no section")
            if not rows:
                lines += [f"\n## {section}\n", "| bound | value | what |", "|---|---|---|"]
            rows += 1
            lines.append(f"| `{name}` | {shown(getattr(module, name))} | {comment.replace('|', chr(92) + '|')} |")
        comment = ""
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write the page, or with `--check` say whether it is current."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail where the page is not current")
    check = parser.parse_args().check
    text = page(limits, Path(limits.__file__).read_text())
    if not check:
        TARGET.write_text(text)
    elif not TARGET.exists() or TARGET.read_text() != text:
        print(f"{TARGET.name} is not current: make generate", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
