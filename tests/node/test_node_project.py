"""The Node project of the workspace runs: its Node is recent and the OpenAI SDK loads in it."""

from __future__ import annotations

import json
import re

from tests.support.node import NODE_PROJECT, run_node


async def test_node_loads_the_openai_sdk_that_package_json_pins() -> None:
    pinned = json.loads((NODE_PROJECT / "package.json").read_text())["dependencies"]["openai"]
    script = (
        "import OpenAI from 'openai'; import {VERSION} from 'openai/version';"
        "console.log(process.versions.node.split('.')[0], typeof OpenAI, VERSION)"
    )
    major, kind, version = (await run_node("--input-type=module", "--eval", script)).split()
    assert (int(major) >= 22, kind, version) == (True, "function", pinned)


def test_the_lock_names_no_registry_but_the_public_one() -> None:
    lock = (NODE_PROJECT / "package-lock.json").read_text()
    hosts = set(re.findall(r'"resolved": "https?://([^/"]+)', lock))
    assert hosts <= {"registry.npmjs.org"}
