{{- /* The release's requirements of a cluster, for `toolgate preflight`. */ -}}
{{- define "toolgate.needs" -}}
{{- $models := list }}
{{- $storage := list }}
{{- $definitions := dict }}
{{- $secrets := list }}
{{- range $name := splitList "\n" (trim (include "toolgate.model.names" .)) | compact }}
{{- $model := include "toolgate.model" (dict "root" $ "name" $name) | fromYaml }}
{{- if $model.derived.withGpus }}
{{- $selector := deepCopy $model.nodeSelector }}
{{- with $model.gpu.product }}{{ $_ := set $selector "nvidia.com/gpu.product" . }}{{ end }}
{{- $tolerations := concat (list (dict "key" $model.gpu.resourceName "operator" "Exists" "effect" "NoSchedule")) $model.tolerations }}
{{- $models = append $models (dict "name" $name "replicas" (int $model.replicas) "nodes" (int $model.parallelism.nodes) "gpusPerPod" (int $model.derived.gpus) "resource" $model.gpu.resourceName "nodeSelector" $selector "tolerations" $tolerations) }}
{{- end }}
{{- if and $model.cache.enabled (not $model.cache.existingClaim) }}
{{- $storage = append $storage (dict "name" $model.cache.storageClass "for" (printf "the cache of model %s" $name)) }}
{{- end }}
{{- if gt (int $model.parallelism.nodes) 1 }}{{ $_ := set $definitions "leaderworkersets.leaderworkerset.x-k8s.io" (printf "model %s over %d nodes" $name (int $model.parallelism.nodes)) }}{{ end }}
{{- if $model.inferencePool.enabled }}{{ $_ := set $definitions "inferencepools.inference.networking.k8s.io" (printf "the pool of model %s" $name) }}{{ end }}
{{- if and $model.autoscaling.enabled (eq $model.autoscaling.type "keda") }}{{ $_ := set $definitions "scaledobjects.keda.sh" (printf "the scaling of model %s" $name) }}{{ end }}
{{- end }}
{{- range $key := list "gateway" "promptTransformer" "extractor" "toolExecutor" }}
{{- $auto := index $.Values $key "autoscaling" }}
{{- if and $auto.enabled (eq $auto.type "keda") }}{{ $_ := set $definitions "scaledobjects.keda.sh" (printf "%s.autoscaling" $key) }}{{ end }}
{{- end }}
{{- if .Values.httpRoute.enabled }}{{ $_ := set $definitions "httproutes.gateway.networking.k8s.io" "httpRoute" }}{{ end }}
{{- if eq .Values.tls.mode "certManager" }}{{ $_ := set $definitions "certificates.cert-manager.io" "tls.certManager" }}{{ end }}
{{- if eq .Values.internalTls.mode "certManager" }}{{ $_ := set $definitions "certificates.cert-manager.io" "internalTls.certManager" }}{{ end }}
{{- if .Values.monitoring.serviceMonitor.enabled }}{{ $_ := set $definitions "servicemonitors.monitoring.coreos.com" "monitoring.serviceMonitor" }}{{ end }}
{{- if .Values.monitoring.podMonitor.enabled }}{{ $_ := set $definitions "podmonitors.monitoring.coreos.com" "monitoring.podMonitor" }}{{ end }}
{{- range $use, $secret := .Values.secrets }}
{{- if $secret.existingSecret }}{{ $secrets = append $secrets (dict "name" $secret.existingSecret "keys" (list $secret.key) "for" (printf "secrets.%s" $use)) }}{{ end }}
{{- end }}
{{- range $name, $external := .Values.externalModels }}
{{- with $external.authSecretRef }}{{ $secrets = append $secrets (dict "name" .name "keys" (list .key) "for" (printf "externalModels.%s" $name)) }}{{ end }}
{{- end }}
{{- if eq .Values.tls.mode "existing" }}{{ $secrets = append $secrets (dict "name" .Values.tls.existingSecret "keys" (list "tls.crt" "tls.key") "for" "tls") }}{{ end }}
{{- if eq .Values.internalTls.mode "existing" }}{{ $secrets = append $secrets (dict "name" .Values.internalTls.existingSecret "keys" (list "tls.crt" "tls.key" "ca.crt") "for" "internalTls") }}{{ end }}
{{- $listed := list }}
{{- range $crd, $use := $definitions }}{{ $listed = append $listed (dict "name" $crd "for" $use) }}{{ end }}
{{- toYaml (dict "namespace" .Release.Namespace "release" .Release.Name "kubernetes" "1.30" "models" $models "secrets" $secrets "storageClasses" $storage "definitions" $listed) }}
{{- end }}

{{- define "toolgate.preflight.meta" -}}
metadata:
  name: {{ .name }}
  labels:
    {{- include "toolgate.labels" .context | nindent 4 }}
  annotations:
    {{- toYaml (merge (dict "helm.sh/hook-weight" .weight) .hook) | nindent 4 }}
{{- end }}
