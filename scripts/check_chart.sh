#!/bin/sh
# Everything about the chart that needs helm and no cluster: lint, unit tests, renders, conventions.
# HELM and HELM_UNITTEST name the programs where they are not on the PATH; the latter may be helm's plugin.
set -eu
cd "$(dirname "$0")/.."
CHART=charts/toolgate
export HELM="${HELM:-helm}"

if ! command -v "$HELM" >/dev/null 2>&1; then
    echo 'chart: helm is needed: see https://helm.sh/docs/intro/install, or set HELM=/path/to/helm' >&2
    exit 1
fi
if "$HELM" unittest --help >/dev/null 2>&1; then
    unittest="$HELM unittest"
elif command -v "${HELM_UNITTEST:-helm-unittest}" >/dev/null 2>&1; then
    unittest=${HELM_UNITTEST:-helm-unittest}
else
    echo 'chart: helm-unittest is needed: helm plugin install https://github.com/helm-unittest/helm-unittest' >&2
    exit 1
fi

for values in "$CHART"/ci/*-values.yaml "$CHART/values-gpu.yaml"; do
    "$HELM" lint --strict --quiet --kube-version 1.34.0 "$CHART" --values "$values"
done
$unittest "$CHART"
.venv/bin/python -m pytest tests/chart -q
