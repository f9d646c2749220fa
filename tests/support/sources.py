"""The product's own Python files, for the tests that read them."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "libs" / "core" / "src" / "toolgate_core"
FORMATS = ROOT / "libs" / "formats" / "src" / "toolgate_formats"


def packages() -> list[Path]:
    """Return the import package of every library and service, without generated code."""
    found = [*ROOT.glob("libs/*/src/*"), *ROOT.glob("services/*/src/*")]
    return sorted(path for path in found if (path / "__init__.py").exists() and path.name != "toolgate")


def modules(package: Path) -> list[Path]:
    """Return the Python files below `package`."""
    return sorted(package.rglob("*.py"))


def every_module() -> list[Path]:
    """Return the Python files of all packages."""
    return [module for package in packages() for module in modules(package)]


def label(path: Path) -> str:
    """Return the path as a test's id."""
    return str(path.relative_to(ROOT))
