"""Writes the files that follow from the chart: the schema of its values, and the tables of values and models.

`chart.py` writes them; `chart.py --check` fails where they differ. Schema and table of values come from `values.yaml`:
types from the defaults, meanings from the comments that begin with `# --`; the models from `models.yaml`.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).resolve().parent.parent / "charts" / "toolgate"
SCHEMA = CHART / "values.schema.json"
README = CHART / "README.md"
MODELS = CHART.parent.parent / "docs" / "models.md"

# Types that the default does not show. `*` stands for one step of a path.
CHOICES: dict[str, list[Any]] = {
    "*.autoscaling.type": ["hpa", "keda"],
    "*.image.pullPolicy": ["Always", "IfNotPresent", "Never"],
    "*.service.type": ["ClusterIP", "NodePort", "LoadBalancer"],
    "gateway.balance": ["least_in_flight", "prefix_affinity"],
    "global.logLevel": ["debug", "info", "warning", "error"],
    "modelDefaults.cache.accessMode": ["ReadWriteOnce", "ReadWriteMany", "ReadOnlyMany", "ReadWriteOncePod"],
    "modelDefaults.inferencePool.failureMode": ["FailOpen", "FailClose"],
    "modelDefaults.engine": ["vllm", "simulator"],
    "modelDefaults.structuredOutputs.backend": ["", "auto", "xgrammar", "guidance", "outlines"],
    "modelDefaults.toolCalling.strictLevel": ["", "auto", "function", "parameter"],
    "internalTls.mode": ["none", "existing", "certManager"],
    "tls.mode": ["none", "existing", "certManager"],
}
NULLS: dict[str, list[str]] = {
    "modelDefaults.enablePrefixCaching": ["boolean", "null"],
    "modelDefaults.gpu.enabled": ["boolean", "null"],
    "modelDefaults.gpuMemoryUtilization": ["number", "null"],
    "modelDefaults.simulator.tokensPerSecond": ["number", "null"],
    "modelDefaults.simulator.startupSeconds": ["number", "null"],
}
MAY_BE_NULL = ("*.autoscaling.cpu",)
LEAST: dict[str, float] = {
    "maxRequestSeconds": 1,
    "*.replicas": 0,
    "*.autoscaling.max": 1,
    "modelDefaults.parallelism.*": 1,
    "*.drain.preStopSeconds": 0,
}
EXTERNAL: dict[str, Any] = {
    "type": "object",
    "required": ["urls"],
    "additionalProperties": False,
    "properties": {
        "urls": {"type": "array", "minItems": 1, "items": {"type": "string", "pattern": "^https?://"}},
        "balance": {"enum": ["least_in_flight", "prefix_affinity"]},
        "headers": {"type": "object", "additionalProperties": {"type": "string"}},
        "capabilities": {"type": "object"},
        "authSecretRef": {
            "type": "object",
            "required": ["name", "key"],
            "additionalProperties": False,
            "properties": {"name": {"type": "string"}, "key": {"type": "string"}},
        },
        "models": {"type": "object", "additionalProperties": {"type": "object"}},
        "to": {"type": "array", "items": {"type": "object"}},
        "cidrs": {"type": "array", "items": {"type": "string"}},
    },
}


def found(table: dict[str, Any], path: str) -> Any:
    """Return what a table says of a path."""
    steps = path.split(".")
    for pattern, value in table.items():
        wanted = pattern.split(".")
        if len(wanted) == len(steps) and all(w in ("*", s) for w, s in zip(wanted, steps, strict=True)):
            return value
    return None


def schema_of(value: Any, path: str) -> dict[str, Any]:
    """Return the schema of a value that is the default at a path."""
    choices = found(CHOICES, path)
    if choices is not None:
        return {"enum": choices}
    match value:
        case None:
            return {"type": found(NULLS, path) or ["integer", "null"]}
        case bool():
            return {"type": "boolean"}
        case int() | float():
            kinds = ["integer" if isinstance(value, int) else "number"]
            kinds += ["null"] if found(dict.fromkeys(MAY_BE_NULL, 1), path) else []
            least = found(LEAST, path)
            bound = {} if least is None else {"minimum": least}
            return {"type": kinds[0] if len(kinds) == 1 else kinds, **bound}
        case str():
            return {"type": "string"}
        case list():
            return {"type": "array"}
        case dict():
            return _object(value, path)
    raise TypeError(f"{path}: no schema for {value!r}")


def _object(value: dict[str, Any], path: str) -> dict[str, Any]:
    # Kubernetes' own objects are checked by Kubernetes.
    if not value or path.endswith(".resources"):
        return {"type": "object"}
    inner = {key: schema_of(each, f"{path}.{key}".lstrip(".")) for key, each in value.items()}
    return {"type": "object", "additionalProperties": False, "properties": inner}


def schema() -> str:
    """Return the text of the schema."""
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    models = values.pop("models")
    values.pop("externalModels")
    whole = schema_of(values, "")
    model = whole["properties"].pop("modelDefaults")
    whole["properties"] |= {
        "modelDefaults": {"$ref": "#/$defs/model"},
        "models": {"type": "object", "additionalProperties": {"$ref": "#/$defs/model"}},
        "externalModels": {"type": "object", "additionalProperties": EXTERNAL},
    }
    assert isinstance(models, dict)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Values of the toolgate chart"}
    return json.dumps({**head, **whole, "$defs": {"model": model}}, indent=2) + "\n"


def rows() -> Iterator[tuple[str, str, str]]:
    """Yield path, default and meaning of every value that has a comment `# --`."""
    path: list[tuple[int, str]] = []
    meaning: list[str] = []
    for line in (CHART / "values.yaml").read_text(encoding="utf-8").splitlines():
        text = line.strip()
        if text.startswith("#"):
            text = text.lstrip("# ")
            meaning = [text[3:]] if text.startswith("-- ") else [*meaning, text] if meaning else []
            continue
        key = re.match(r"( *)([\w.-]+):(?: (.*))?$", line)
        if key is None:
            meaning = meaning if text else []
            continue
        depth = len(key[1])
        path = [*((at, name) for at, name in path if at < depth), (depth, key[2])]
        if meaning:
            yield ".".join(name for _, name in path), key[3] or "", " ".join(meaning)
        meaning = []


def table() -> str:
    """Return the table of values."""
    lines = ["| value | default | meaning |", "| --- | --- | --- |"]
    for path, default, meaning in rows():
        shown = f"`{default}`" if default else ""
        lines.append(f"| `{path}` | {shown.replace('|', chr(92) + '|')} | {meaning.replace('|', chr(92) + '|')} |")
    return "\n".join(lines)


def presets() -> str:
    """Return the table of the catalogue."""
    catalogue = yaml.safe_load((CHART / "models.yaml").read_text(encoding="utf-8"))["presets"]
    lines = ["| preset | repository | parser | reasoning | context | GPUs per replica | vLLM |", "| --- " * 7 + "|"]
    for name, preset in catalogue.items():
        gpus = ", ".join(f"{count} x {kind}" for kind, count in preset["tp"].items())
        parsers = f"`{preset['parser']}` | `{preset.get('reasoningParser', '-')}`"
        lines.append(
            f"| `{name}` | {preset['repo']} | {parsers} | {preset['maxModelLen']} | {gpus} | {preset['minVllm']} |"
        )
    return "\n".join(lines)


def page(file: Path, name: str, text: str) -> str:
    """Return a page with the table `name` of now."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, rest = file.read_text(encoding="utf-8").split(begin)
    return f"{before}{begin}\n{text}\n{end}{rest.split(end)[1]}"


def main() -> int:
    """Write, or with `--check` compare."""
    wanted = {
        SCHEMA: schema(),
        README: page(README, "values", table()),
        MODELS: page(MODELS, "models", presets()),
    }
    if "--check" not in sys.argv[1:]:
        for file, text in wanted.items():
            file.write_text(text, encoding="utf-8")
        return 0
    stale = [str(file) for file, text in wanted.items() if not file.exists() or file.read_text("utf-8") != text]
    for path in stale:
        print(f"{path} is not what the chart says: run `make chart-docs`", file=sys.stderr)
    return int(bool(stale))


if __name__ == "__main__":
    sys.exit(main())
