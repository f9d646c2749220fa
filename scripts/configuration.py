"""Writes `docs/configuration.md` and the table of all settings' names from the settings classes of the services.

`--check` only compares.
"""

from __future__ import annotations

import argparse
import inspect
import re
import sys
from collections.abc import Iterable
from pathlib import Path

import msgspec
from pydantic import BaseModel, SecretStr
from pydantic_core import PydanticUndefined
from toolgate_core.types.policy import Capabilities, Policy
from toolgate_extractor.settings import ExtractorSettings
from toolgate_gateway.settings import GatewaySettings, ModelEntry, UpstreamEntry
from toolgate_prompt_transformer.settings import PromptTransformerSettings
from toolgate_runtime.settings import CONFIG, Row, rows
from toolgate_tool_executor.settings import ToolExecutorSettings

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "configuration.md"
NAMES = ROOT / "libs" / "runtime" / "src" / "toolgate_runtime" / "settingnames.py"

SERVICES = (GatewaySettings, PromptTransformerSettings, ExtractorSettings, ToolExecutorSettings)

HEAD = """# Configuration

<!-- Written by scripts/configuration.py from the settings classes; change those, then run `make generate`. -->

Every service reads its settings once, when it starts. A value comes from the first of these that has one:

1. an option of the command line (`toolgate up`);
2. the environment, by the setting's name, then by its aliases (names that older proxies use);
3. a file `.env` in the working directory, by the same names;
4. the YAML file that `TOOLGATE_CONFIG` (or `--config FILE`) names, by the name without `TOOLGATE_`, in lower case;
5. the default.

An empty variable counts as unset. Lists and objects are written in a variable as JSON, lists of words also with commas
between them. A wrong value, or a key of the file that the service does not know, stops the start: one line on stderr
names it, and the exit status is 2. Secrets are never shown. `toolgate config check [FILE]` checks without a start.

What is allowed and probably a mistake is warned about: a `TOOLGATE_*` that no service knows (with the nearest name), an
alias that was taken from `.env` (which may belong to another program), a number that is implausible for its unit.

Requests to upstreams go through a proxy only where `TOOLGATE_UPSTREAM_PROXY` (or `proxy` of an upstream) names one.
`HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` are followed with `TOOLGATE_UPSTREAM_PROXY=environment`, and not otherwise.

```yaml
# gateway.yaml, used by TOOLGATE_CONFIG=gateway.yaml
upstreams:
  gpu:
    url: http://vllm.internal:8000
models:
  assistant:
    upstream: gpu
    model: openai/gpt-oss-20b
    preset: gpt-oss
```

## Settings
"""


def shown(default: object) -> str:
    """Return a default as the table shows it."""
    if isinstance(default, SecretStr):
        default = default.get_secret_value()
    if (
        default is PydanticUndefined
        or default is None
        or (isinstance(default, str | list | tuple | dict) and not default)
    ):
        return ""
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, tuple | dict | msgspec.Struct):
        return f"`{msgspec.json.encode(default).decode()}`"
    return f"`{default}`"


def table(head: Iterable[str], lines: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table."""
    head = tuple(head)
    body = [head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in line] for line in lines)]
    return "\n".join(f"| {' | '.join(line)} |" for line in body)


def settings_table() -> str:
    """Return the one table; a setting that services share in all its parts has one row."""
    sharing: dict[tuple[object, ...], tuple[Row, list[str]]] = {}
    for row in (row for service in SERVICES for row in rows(service)):
        key = (row.name, row.aliases, row.unit, repr(row.default), row.meaning)
        sharing.setdefault(key, (row, []))[1].append(row.service)
    lines = [["all", f"`{CONFIG}`", "", "", "", "The YAML file to read; none: no file."]]
    for row, services in sorted(sharing.values(), key=lambda entry: -len(entry[1])):
        choices = f" One of {', '.join(f'`{choice}`' for choice in row.choices)}." if row.choices else ""
        names = "all" if len(services) == len(SERVICES) else ", ".join(services)
        aliases = ", ".join(f"`{alias}`" for alias in row.aliases)
        lines.append([names, f"`{row.name}`", aliases, row.unit, shown(row.default), row.meaning + choices])
    return table(("service", "name", "alias", "unit", "default", "meaning"), lines)


def summary(kind: type) -> str:
    """Return a class's docstring as one paragraph each, without its list of attributes."""
    return (inspect.getdoc(kind) or "").partition("\nAttributes:")[0].strip()


def meanings(kind: type) -> dict[str, str]:
    """Return what a class's docstring says of each of its attributes."""
    _, _, attributes = (inspect.getdoc(kind) or "").partition("\nAttributes:\n")
    found = re.findall(r"^    (\w+): (.*(?:\n {6,}.*)*)", attributes, re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in found}


def entry(title: str, kind: type[BaseModel]) -> str:
    """Describe the objects that stand under one key of the file."""
    explained = meanings(kind)
    lines = [
        [f"`{name}`", shown(field.get_default(call_default_factory=True, validated_data={})), explained.get(name, "")]
        for name, field in kind.model_fields.items()
    ]
    return f"### {title}\n\n{summary(kind)}\n\n{table(('key', 'default', 'meaning'), lines)}"


def struct(title: str, kind: type[msgspec.Struct]) -> str:
    """Describe a struct of the core by the attributes in its docstring."""
    explained = meanings(kind)
    lines = []
    for field in msgspec.structs.fields(kind):
        default = field.default_factory() if field.default_factory is not msgspec.NODEFAULT else field.default
        plain = "" if isinstance(default, msgspec.Struct) else shown(default)
        lines.append([f"`{field.name}`", plain, explained.get(field.name, "")])
    return f"### {title}\n\n{summary(kind)}\n\n{table(('key', 'default', 'meaning'), lines)}"


def page() -> str:
    """Return the whole page."""
    parts = [
        HEAD + "\n" + settings_table(),
        "## Objects of the gateway's file",
        entry("`upstreams.<name>`", UpstreamEntry),
        entry("`models.<alias>`", ModelEntry),
        struct("`models.<alias>.policy`", Policy),
        struct("`upstreams.<name>.capabilities`, `models.<alias>.policy.capabilities`", Capabilities),
    ]
    return "\n\n".join(parts) + "\n"


NAMES_HEAD = '''\
"""The names of all services' settings, with their aliases; written by scripts/configuration.py, never edited.

No service can import another's settings, and each has to know which variables are none.
"""

from __future__ import annotations

from typing import Final

SETTING_NAMES: Final[dict[str, tuple[str, ...]]] = {
'''


def names() -> str:
    """Return the module that holds every setting's name."""
    found: dict[str, tuple[str, ...]] = {}
    for row in (row for service in SERVICES for row in rows(service)):
        found[row.name] = tuple(dict.fromkeys((*found.get(row.name, ()), *row.aliases)))
    # As the formatter writes a tuple.
    lines = [
        f'    "{name}": ({"".join(f"{chr(34)}{alias}{chr(34)}, " for alias in found[name])}),' for name in sorted(found)
    ]
    text = NAMES_HEAD + "\n".join(lines) + "\n}\n"
    return re.sub(r", \),", "),", re.sub(r'\(("\w+"), \),', r"(\1,),", text))


def main() -> int:
    """Write both, or compare them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail when a file is not what the classes say")
    check = parser.parse_args().check
    status = 0
    for target, wanted in ((PAGE, page()), (NAMES, names())):
        if not check:
            target.parent.mkdir(exist_ok=True)
            target.write_text(wanted)
        elif not target.exists() or target.read_text() != wanted:
            print(f"{target.relative_to(ROOT)} is not what the settings say, run `make generate`", file=sys.stderr)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
