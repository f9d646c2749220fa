"""Regenerates `libs/genproto/src/toolgate` from `protos/`: messages, gRPC code and their type stubs.

The tree is rebuilt from nothing, so a proto that is gone leaves no module behind, and written only where it differs.
`--check` writes nothing and fails when the committed tree is not what the protos say.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from importlib import resources
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
PROTOS = ROOT / "protos"
TARGET = ROOT / "libs" / "genproto" / "src" / "toolgate"
PACKAGE_DOC = '"""Generated protobuf and gRPC code of Toolgate\'s contracts."""\n'


def generate(out: Path) -> None:
    """Run protoc over every proto of ours, into `out`."""
    files = sorted(str(path.relative_to(PROTOS)) for path in (PROTOS / "toolgate").rglob("*.proto"))
    well_known = resources.files("grpc_tools") / "_proto"
    arguments = ["protoc", f"-I{PROTOS}", f"-I{well_known}"]
    arguments += [f"--{kind}_out={out}" for kind in ("python", "grpc_python")]
    arguments += [f"--{kind}_out=quiet:{out}" for kind in ("mypy", "mypy_grpc")]
    # The plugins protoc-gen-mypy and protoc-gen-mypy_grpc are scripts beside the interpreter that runs this one.
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    if protoc.main([*arguments, *files]) != 0:
        raise SystemExit("protoc failed")
    for package in [out / "toolgate", *(path for path in (out / "toolgate").rglob("*") if path.is_dir())]:
        (package / "__init__.py").write_text(PACKAGE_DOC)
    for stale in (out / "toolgate").rglob("*_pb2_grpc.py*"):
        # protoc writes an empty gRPC module for a file without a service.
        if not stale.name.startswith(tuple(Path(name).stem for name in files if name.endswith("_service.proto"))):
            stale.unlink()
    (out / "toolgate" / "py.typed").touch()


def contents(folder: Path) -> dict[str, bytes]:
    """Return every generated file below `folder`, by its path."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def write(wanted: dict[str, bytes], standing: dict[str, bytes]) -> None:
    """Make the target hold exactly `wanted`."""
    for name in standing.keys() - wanted.keys():
        (TARGET / name).unlink()
    for name, content in wanted.items():
        if standing.get(name) != content:
            (TARGET / name).parent.mkdir(parents=True, exist_ok=True)
            (TARGET / name).write_bytes(content)


def main() -> int:
    """Regenerate, or compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail when the committed code differs")
    check = parser.parse_args().check
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        wanted = contents(Path(folder) / "toolgate")
    standing = contents(TARGET)
    if check:
        differing = sorted(name for name in wanted.keys() | standing.keys() if wanted.get(name) != standing.get(name))
        if differing:
            print(
                f"generated code differs from the protos, run `make generate`: {', '.join(differing)}", file=sys.stderr
            )
        return 1 if differing else 0
    write(wanted, standing)
    return 0


if __name__ == "__main__":
    sys.exit(main())
