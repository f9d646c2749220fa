"""Checks that each service declares what it imports.

All packages share one environment while they are developed, which hides a dependency that a package uses and does not
declare. Here every module of a service is imported in an environment that holds what the service declares, and no more.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
IMPORT_ALL = """
import importlib, pkgutil, sys
package = importlib.import_module(sys.argv[1])
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    importlib.import_module(module.name)
"""


def closed(uv: str, distribution: str) -> bool:
    """Return whether every module of `distribution` can be imported from its own dependencies."""
    command = [uv, "run", "--quiet", "--isolated", "--frozen", "--no-dev", "--package", distribution, "python"]
    command += ["-c", IMPORT_ALL, distribution.replace("-", "_")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(f"{distribution} uses what it does not declare, or cannot be imported:", file=sys.stderr)
        print(done.stderr.strip(), file=sys.stderr)
    return done.returncode == 0


def main() -> int:
    """Check every service, the shared runtime, the core and the command line; `uv` is the first argument."""
    uv = sys.argv[1] if len(sys.argv) > 1 else "uv"
    manifests = sorted([*ROOT.glob("libs/*/pyproject.toml"), *ROOT.glob("services/*/pyproject.toml")])
    distributions = [f"toolgate-{path.parent.name}" for path in manifests if path.parent.name != "genproto"]
    results = [closed(uv, distribution) for distribution in distributions]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
