#!/bin/sh
# Runs the tests on the cluster of KUBECONFIG. Needs kubectl and helm, and the images in the cluster or its reach:
# TOOLGATE_E2E_REGISTRY and TOOLGATE_E2E_TAG name them (default: the chart's own).
#
# Beside that, where the cluster has it: TOOLGATE_E2E_GPUS=1 (a node offers eight nvidia.com/gpu),
# TOOLGATE_E2E_ADAPTER=1 (an adapter serves the in-flight metric), TOOLGATE_E2E_KEDA=URL (KEDA's Prometheus).
# tests/e2e/extras/up.sh runs adapter, Prometheus and KEDA beside a cluster, and prints the variables to set.
set -eu
cd "$(dirname "$0")/.."
for program in kubectl helm; do
    if ! command -v "$program" >/dev/null 2>&1; then
        echo "e2e: $program is needed" >&2
        exit 1
    fi
done
if ! kubectl version >/dev/null 2>&1; then
    echo 'e2e: no cluster answers; set KUBECONFIG (kind create cluster --config k8s/kind.yaml makes one)' >&2
    exit 1
fi
exec .venv/bin/python -m pytest tests/e2e -q --timeout 600 "$@"
