"""`toolgate doctor` straight at a real vLLM that was started with the right flags, with none, and with wrong ones."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests.engine.engines import Engine, command, running, short

pytestmark = [pytest.mark.slow, pytest.mark.timeout(4000)]

TOOLS_ON = "--enable-auto-tool-choice"
# The flags, the model, and what one of the failed checks has to say; a model this small decides little more.
WRONG: dict[str, tuple[tuple[str, ...], str | None, str]] = {
    "parser-off": ((), "smollm2-135m", "its tool parser is off"),
    "wrong-tool-parser": ((TOOLS_ON, "--tool-call-parser=xlam"), None, "wrong or missing tool-call parser"),
    "wrong-reasoning-parser": (("--reasoning-parser=qwen3",), "smollm2-135m", "is in `reasoning`"),
}


def doctor(url: str) -> dict[str, dict[str, Any]]:
    """Run the command; return the verdict of each check."""
    arguments = [sys.executable, "-m", "toolgate_cli", "doctor", "--json", url]
    done = subprocess.run(arguments, check=False, capture_output=True, text=True, timeout=900)
    assert done.stderr == ""
    return {line["check"]: line["verdict"] for line in json.loads(done.stdout)}


def test_with_the_right_flags_only_the_models_own_faults_remain(
    engine: Engine, record_property: Callable[[str, object], None]
) -> None:
    found = doctor(engine.url)
    record_property("figures", f"doctor, right flags: {_shown(found)}")
    assert {check: found[check]["level"] for check in ("reach", "answers", "required", "named")} == {
        "reach": "ok",
        "answers": "ok",
        "required": "ok",
        "named": "ok",
    }
    # This model writes bare JSON where its template asks for tags: no flag helps, a gateway does.
    assert "JSON" in found["auto"]["text"]
    assert "toolgate up" in found["auto"]["remedy"]


@pytest.mark.skipif(short() or not command(), reason="each needs a separate engine: the full form runs them")
@pytest.mark.parametrize("case", WRONG)
def test_wrong_flags_are_named(case: str, record_property: Callable[[str, object], None]) -> None:
    flags, model, expected = WRONG[case]
    with running(*flags, model=model) as wrong:
        found = doctor(wrong.url)
    record_property("figures", f"doctor, {case}: {_shown(found)}")
    assert [check for check, verdict in found.items() if verdict["level"] == "fail" and expected in verdict["text"]]


def _shown(found: dict[str, dict[str, Any]]) -> str:
    bad = {check: verdict for check, verdict in found.items() if verdict["level"] != "ok"}
    return "; ".join(f"{check} {v['level']}: {v['text']} -> {v['remedy']}" for check, v in bad.items()) or "all ok"
