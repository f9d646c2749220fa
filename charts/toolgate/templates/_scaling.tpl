{{- /* How fast a service grows and shrinks: at once by up to its double, and down one by one after five minutes. */ -}}
{{- define "toolgate.behavior.service" -}}
scaleUp:
  stabilizationWindowSeconds: 0
  selectPolicy: Max
  policies:
    - {type: Percent, value: 100, periodSeconds: 15}
    - {type: Pods, value: 4, periodSeconds: 15}
scaleDown:
  stabilizationWindowSeconds: 300
  selectPolicy: Min
  policies:
    - {type: Percent, value: 10, periodSeconds: 60}
    - {type: Pods, value: 1, periodSeconds: 60}
{{- end }}

{{- /* A model's pod takes long to start: the next one is only asked for when the last one could be there. */ -}}
{{- define "toolgate.behavior.model" -}}
scaleUp:
  stabilizationWindowSeconds: 30
  policies:
    - {type: Pods, value: 1, periodSeconds: {{ min (int .startupSeconds) 1800 }}}
scaleDown:
  stabilizationWindowSeconds: 600
  policies:
    - {type: Pods, value: 1, periodSeconds: 300}
{{- end }}

{{- /* The scaler of one target: root, name, labels (YAML), auto (its values), behavior (YAML), target (kind,
apiVersion), cpu, pods (list of name, value), queries (list of name, query, threshold). */ -}}
{{- define "toolgate.scaler" -}}
---
{{- if eq .auto.type "hpa" }}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {{ .name }}
  labels:
    {{- .labels | nindent 4 }}
spec:
  scaleTargetRef: {apiVersion: {{ .target.apiVersion }}, kind: {{ .target.kind }}, name: {{ .name }}}
  minReplicas: {{ .auto.min }}
  maxReplicas: {{ .auto.max }}
  metrics:
    {{- if not (kindIs "invalid" .cpu) }}
    - type: Resource
      resource:
        name: cpu
        target: {type: Utilization, averageUtilization: {{ .cpu }}}
    {{- end }}
    {{- range .pods }}
    - type: Pods
      pods:
        metric: {name: {{ .name | quote }}}
        target: {type: AverageValue, averageValue: {{ .value | quote }}}
    {{- end }}
  behavior:
    {{- .behavior | nindent 4 }}
{{- else }}
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata:
  name: {{ .name }}
  labels:
    {{- .labels | nindent 4 }}
spec:
  scaleTargetRef: {apiVersion: {{ .target.apiVersion }}, kind: {{ .target.kind }}, name: {{ .name }}}
  minReplicaCount: {{ .auto.min }}
  maxReplicaCount: {{ .auto.max }}
  pollingInterval: 15
  {{- if .queries }}
  # without its Prometheus the size does not change
  fallback:
    failureThreshold: 3
    replicas: {{ .auto.min }}
    behavior: currentReplicasIfHigher
  {{- end }}
  advanced:
    horizontalPodAutoscalerConfig:
      behavior:
        {{- .behavior | nindent 8 }}
  triggers:
    {{- range .queries }}
    - type: prometheus
      name: {{ .name }}
      metricType: AverageValue
      metadata:
        serverAddress: {{ $.auto.prometheusAddress | quote }}
        query: {{ .query | quote }}
        threshold: {{ .threshold | quote }}
        # a missing series is a fault, not an idle model
        ignoreNullValues: "false"
    {{- end }}
    {{- if not (kindIs "invalid" .cpu) }}
    - type: cpu
      metricType: Utilization
      metadata:
        value: {{ .cpu | quote }}
    {{- end }}
{{- end }}
{{- end }}
