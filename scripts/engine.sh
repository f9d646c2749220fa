#!/usr/bin/env bash
# Runs the tests on a real vLLM with a small model. ENGINE names the command that starts one: `ENGINE up --port N [--model
# MODEL] [flags of vllm serve…]` returns once it serves on loopback, `ENGINE down --port N` ends it. Where there is no
# such command, this script prints so and succeeds: a machine that cannot run vLLM can still check everything else.
set -euo pipefail
cd "$(dirname "$0")/.."
engine=${ENGINE:-}
if [[ -z $engine ]] || ! command -v "$engine" >/dev/null 2>&1; then
    echo "engine: no command starts a vLLM here (ENGINE=${engine:-} names none): left out"
    exit 0
fi
export TOOLGATE_ENGINE=$engine TOOLGATE_ENGINE_FORM=${FORM:-full}
exec .venv/bin/python -m pytest tests/engine -q "$@"
