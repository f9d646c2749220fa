#!/bin/sh
# Checks every render by a real API server, strictly: an unknown field is an error. The custom resources
# that the values switch on must be defined there (KEDA, LeaderWorkerSet, Gateway API, cert-manager, Prometheus operator).
set -eu
cd "$(dirname "$0")/.."
CHART=charts/toolgate
HELM=${HELM:-helm}
for values in "$CHART"/ci/*-values.yaml "$CHART/values-gpu.yaml"; do
    echo "dry run: $values"
    "$HELM" template tg "$CHART" --values "$values" --kube-version 1.34.0 |
        kubectl apply --dry-run=server --validate=strict --filename - >/dev/null
done
# Even a dry run needs the namespace that the overlays make.
if ! kubectl get namespace toolgate >/dev/null 2>&1; then
    trap 'kubectl delete namespace toolgate --wait=false >/dev/null' EXIT
    printf "apiVersion: v1\nkind: Namespace\nmetadata: {name: toolgate}\n" | kubectl apply --filename - >/dev/null
fi
for overlay in k8s/overlays/*/; do
    echo "dry run: $overlay"
    kubectl kustomize "$overlay" | kubectl apply --dry-run=server --validate=strict --filename - >/dev/null
done
