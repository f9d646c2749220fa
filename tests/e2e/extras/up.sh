#!/bin/sh
# Runs Prometheus, prometheus-adapter and KEDA beside a cluster whose node's address reaches this machine, for
# test_scaling.py. Needs prometheus, prometheus-adapter, keda, keda-adapter, openssl and kubectl, and KEDA's definitions
# in the cluster. Goes on until it is ended; prints what to set.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'kill 0' EXIT
trap 'exit 0' INT TERM
node=$(kubectl get nodes -o jsonpath='{.items[0].status.addresses[?(@.type=="InternalIP")].address}')

sed "s|TARGETS_FILE|$work/targets.json|" "$here/prometheus.yml" >"$work/prometheus.yml"
targets() {
    while sleep 1; do
        kubectl get pods --all-namespaces --field-selector status.phase=Running \
            --selector 'app.kubernetes.io/part-of=toolgate,app.kubernetes.io/component notin (test,preflight)' \
            --output go-template-file="$here/targets.gotemplate" >"$work/targets.new" && mv "$work/targets.new" "$work/targets.json"
    done
}
sed "s|NODE_ADDRESS|$node|" "$here/apis.yaml" | kubectl apply -f - >/dev/null

openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=keda -addext "subjectAltName=DNS:localhost,IP:127.0.0.1" \
    -keyout "$work/tls.key" -out "$work/tls.crt" 2>/dev/null
cp "$work/tls.crt" "$work/ca.crt"

targets 2>"$work/targets.log" &
prometheus --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/data" \
    --web.listen-address=127.0.0.1:9191 >"$work/prometheus.log" 2>&1 &
prometheus-adapter --prometheus-url=http://127.0.0.1:9191 --config="$here/adapter.yaml" --secure-port=6445 \
    --cert-dir="$work/adapter" --metrics-relist-interval=5s --lister-kubeconfig="$KUBECONFIG" \
    --authentication-kubeconfig="$KUBECONFIG" --authorization-kubeconfig="$KUBECONFIG" >"$work/adapter.log" 2>&1 &
KEDA_CLUSTER_OBJECT_NAMESPACE=toolgate-extras POD_NAMESPACE=toolgate-extras WATCH_NAMESPACE= POD_NAME=keda \
    keda --kubeconfig="$KUBECONFIG" --cert-dir="$work" --leader-elect=false --metrics-bind-address=127.0.0.1:9192 \
    --health-probe-bind-address=127.0.0.1:9193 >"$work/keda.log" 2>&1 &
WATCH_NAMESPACE= keda-adapter --kubeconfig="$KUBECONFIG" --lister-kubeconfig="$KUBECONFIG" --authentication-kubeconfig="$KUBECONFIG" \
    --authorization-kubeconfig="$KUBECONFIG" --secure-port=6446 --port=9194 --cert-dir="$work" \
    --tls-cert-file="$work/tls.crt" --tls-private-key-file="$work/tls.key" \
    --metrics-service-address=localhost:9666 >"$work/keda-adapter.log" 2>&1 &
echo "logs: $work"
echo 'export TOOLGATE_E2E_ADAPTER=1 TOOLGATE_E2E_KEDA=http://127.0.0.1:9191'
wait
