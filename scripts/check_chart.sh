#!/bin/sh
# Checks the chart without a cluster: lint, unit tests, renders, conventions.
# scripts/helm.sh finds the programs: HELM and HELM_UNITTEST, those on the PATH, or built from their Go modules.
set -eu
cd "$(dirname "$0")/.."
CHART=charts/toolgate
programs=$(scripts/helm.sh)
HELM=$(echo "$programs" | sed -n 1p)
unittest=$(echo "$programs" | sed -n 2p)
export HELM

for values in "$CHART"/ci/*-values.yaml "$CHART/values-gpu.yaml"; do
    "$HELM" lint --strict --quiet --kube-version 1.34.0 "$CHART" --values "$values"
done
$unittest "$CHART"
.venv/bin/python -m pytest tests/chart -q
