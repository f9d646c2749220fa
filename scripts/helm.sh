#!/usr/bin/env bash
# Prints the programs that check the chart, on two lines: helm and helm-unittest (or helm's plugin of that name). HELM and HELM_UNITTEST
# name them, or the PATH has them; what is missing is built from its Go module into .tools/bin/ (minutes, once a checkout).
# Exit status 1 where one is missing and there is no Go to build it with.
set -euo pipefail
cd "$(dirname "$0")/.."
HELM_MODULE=helm.sh/helm/v4/cmd/helm@v4.3.1
# helm-unittest needs a `replace`, which `go install MODULE@VERSION` refuses: a local module names its version.
UNITTEST_FOLDER=tests/chart/helm-unittest
UNITTEST_PACKAGE=github.com/helm-unittest/helm-unittest/cmd/helm-unittest
bin=$PWD/.tools/bin
export CGO_ENABLED=0 GOFLAGS=-trimpath

build_helm() { GOBIN=$bin go install -ldflags '-s -w' "$HELM_MODULE"; }
build_helm-unittest() { (cd "$UNITTEST_FOLDER" && go build -ldflags '-s -w' -o "$bin/helm-unittest" "$UNITTEST_PACKAGE"); }

program() { # NAME WISH: prints where it is
    local name=$1 wish=$2
    if command -v "${wish:-$name}" 2>/dev/null; then
        return
    fi
    if [[ ! -x $bin/$name ]]; then
        command -v go >/dev/null 2>&1 || { echo "chart: $name is missing, and there is no Go to build it with" >&2; return 1; }
        echo "chart: building $name from its Go module" >&2
        mkdir -p "$bin"
        "build_$name" >&2
    fi
    echo "$bin/$name"
}

helm=$(program helm "${HELM:-}")
echo "$helm"
if "$helm" unittest --help >/dev/null 2>&1; then
    echo "$helm unittest"
else
    program helm-unittest "${HELM_UNITTEST:-}"
fi
