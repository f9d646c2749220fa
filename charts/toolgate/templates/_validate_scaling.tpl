{{- define "toolgate.validate.scaling" -}}
{{- range $key := list "gateway" "promptTransformer" "extractor" "toolExecutor" }}
{{- $auto := index $.Values $key "autoscaling" }}
{{- if $auto.enabled }}
{{- if and (kindIs "invalid" $auto.cpu) (kindIs "invalid" $auto.inFlight) }}
{{ $key }}.autoscaling: scale by cpu, by inFlight, or by both
{{- end }}
{{- if and (eq $auto.type "keda") (not (kindIs "invalid" $auto.inFlight)) (not $auto.prometheusAddress) }}
{{ $key }}.autoscaling.prometheusAddress: KEDA reads the requests in flight from a Prometheus; give its address
{{- end }}
{{- if gt (int $auto.min) (int $auto.max) }}
{{ $key }}.autoscaling: min {{ $auto.min }} is above max {{ $auto.max }}
{{- end }}
{{- end }}
{{- end }}
{{- range $name := splitList "\n" (trim (include "toolgate.model.names" .)) | compact }}
{{- $model := include "toolgate.model" (dict "root" $ "name" $name) | fromYaml }}
{{- $auto := $model.autoscaling }}
{{- if $auto.enabled }}
{{- if and (eq $auto.type "keda") (not $auto.prometheusAddress) }}
models.{{ $name }}.autoscaling.prometheusAddress: KEDA asks a Prometheus for vLLM's queue; give its address
{{- end }}
{{- if gt (int $auto.min) (int $auto.max) }}
models.{{ $name }}.autoscaling: min {{ $auto.min }} is above max {{ $auto.max }}
{{- end }}
{{- if lt (int $auto.min) 1 }}
models.{{ $name }}.autoscaling.min: at least 1; requests are not held while there is no pod
{{- end }}
{{- end }}
{{- end }}
{{- range .Values.networkPolicy.executor.egress }}
{{- if not .cidr }}
networkPolicy.executor.egress: each entry needs a cidr
{{- end }}
{{- end }}
{{- end }}
