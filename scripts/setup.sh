#!/bin/sh
# Installs the workspace into the checkout: uv into .tools/, Python packages into .venv/. Needs any Python from 3.11 on,
# with venv or pip. PYTHON=/path/to/python chooses the interpreter. Outside the checkout, only the caches of
# pip and uv change.
set -eu
cd "$(dirname "$0")/.."

UV_VERSION=0.13.8
UV=.tools/uv/bin/uv
unset VIRTUAL_ENV UV_PROJECT_ENVIRONMENT PYTHONPATH PYTHONHOME

fail() {
    printf 'setup: %s\n' "$*" >&2
    exit 1
}

recent() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        recent "$PYTHON" || fail "PYTHON=$PYTHON is not a Python 3.11 or newer"
        "$PYTHON" -c 'import sys; print(sys.executable)'
        return
    fi
    for name in python3 python3.14 python3.13 python3.12 python3.11 python; do
        if recent "$name"; then
            "$name" -c 'import sys; print(sys.executable)'
            return
        fi
    done
    found=$(python3 --version 2>/dev/null || echo 'no python3')
    fail "Python 3.11 or newer is needed ($found was found); install one, or name it: make setup PYTHON=/path/to/python3"
}

# A Python that a distribution ships may come without venv, without pip, or without both.
install_uv() {
    printf 'setup: installing uv %s into .tools/\n' "$UV_VERSION"
    rm -rf .tools/uv
    mkdir -p .tools
    if "$1" -m venv .tools/uv >.tools/venv.log 2>&1; then
        .tools/uv/bin/python -m pip install --quiet --disable-pip-version-check "uv==$UV_VERSION" && return
        fail "pip could not install uv; its message is above"
    fi
    rm -rf .tools/uv
    if "$1" -m pip --version >/dev/null 2>&1; then
        "$1" -m pip install --quiet --disable-pip-version-check --target .tools/uv "uv==$UV_VERSION" && return
        fail "pip could not install uv; its message is above"
    fi
    fail "$1 has neither venv nor pip; install one of them (on Debian and Ubuntu: apt install python3-venv)"
}

python=$(find_python)
if [ "$("$UV" --version 2>/dev/null | cut -d' ' -f2)" != "$UV_VERSION" ]; then
    install_uv "$python"
fi
printf 'setup: installing the packages into .venv/\n'
UV_PYTHON_DOWNLOADS=never "$UV" sync --frozen --all-packages --quiet --python "$python"
