{{- /* Names, labels, images and numbers that more than one template needs. */ -}}

{{- define "toolgate.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- /* 40, so that the longest suffix, an ordinal and a pod's hash stay within 63. */ -}}
{{- define "toolgate.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains (include "toolgate.name" .) .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "toolgate.name" .) | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- /* A text cut to fit, with a hash of the whole text where it was cut. text, max. */ -}}
{{- define "toolgate.short" -}}
{{- if gt (len .text) (int .max) -}}
{{- printf "%s-%s" (.text | trunc (int (sub .max 6)) | trimSuffix "-") (sha256sum .text | trunc 5) }}
{{- else -}}
{{- .text }}
{{- end }}
{{- end }}

{{- define "toolgate.component.name" -}}
{{- printf "%s-%s" (include "toolgate.fullname" .root) .component | trunc 60 | trimSuffix "-" }}
{{- end }}

{{- define "toolgate.selectorLabels" -}}
app.kubernetes.io/name: {{ include "toolgate.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "toolgate.labels" -}}
{{ include "toolgate.selectorLabels" . }}
app.kubernetes.io/part-of: toolgate
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- with .root.Values.global.labels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "toolgate.image" -}}
{{- $registry := default .image.registry .root.Values.global.imageRegistry -}}
{{- $name := ternary .image.repository (printf "%s/%s" $registry .image.repository) (empty $registry) -}}
{{- if .image.digest -}}
{{- printf "%s@%s" $name .image.digest }}
{{- else -}}
{{- printf "%s:%s" $name (default .root.Chart.AppVersion .image.tag) }}
{{- end }}
{{- end }}

{{- define "toolgate.imagePullSecrets" -}}
{{- with .Values.global.imagePullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- end }}

{{- define "toolgate.serviceAccountName" -}}
{{- default (include "toolgate.component.name" .) .values.serviceAccount.name }}
{{- end }}

{{- define "toolgate.podSecurityContext" -}}
{{- $own := dict "runAsNonRoot" true "runAsUser" 65532 "runAsGroup" 65532 "fsGroup" 65532 "seccompProfile" (dict "type" "RuntimeDefault") -}}
{{- toYaml (mergeOverwrite $own (deepCopy .)) }}
{{- end }}

{{- define "toolgate.securityContext" -}}
{{- $own := dict "allowPrivilegeEscalation" false "readOnlyRootFilesystem" true "capabilities" (dict "drop" (list "ALL")) -}}
{{- toYaml (mergeOverwrite $own (deepCopy .)) }}
{{- end }}

{{- /* Over hosts and zones where that is possible, for pods with these labels. */ -}}
{{- define "toolgate.spread" -}}
{{- if .values.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- toYaml .values.topologySpreadConstraints | nindent 2 }}
{{- else }}
topologySpreadConstraints:
{{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- $.selector | nindent 8 }}
{{- end }}
{{- end }}
{{- end }}

{{- /* Scheduling of a pod, from a block of values. */ -}}
{{- define "toolgate.scheduling" -}}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- end }}

{{- define "toolgate.priorityClassName" -}}
{{- if .values.priorityClassName }}
priorityClassName: {{ .values.priorityClassName }}
{{- else if .root.Values.priorityClasses.create }}
priorityClassName: {{ include "toolgate.fullname" .root }}-{{ .class }}
{{- end }}
{{- end }}

{{- /* The drain time and the times derived from it: Toolgate's services, then vLLM. */ -}}
{{- define "toolgate.drain.grace" -}}
{{- add .values.drain.preStopSeconds .root.Values.maxRequestSeconds 10 }}
{{- end }}

{{- define "toolgate.drain.modelGrace" -}}
{{- add .values.drain.preStopSeconds .root.Values.maxRequestSeconds 15 }}
{{- end }}

{{- /* The Secret of mutual TLS between gateway and services; empty where there is none. */ -}}
{{- define "toolgate.internalTls.secret" -}}
{{- $tls := .Values.internalTls }}
{{- if eq $tls.mode "existing" }}{{ $tls.existingSecret }}{{ else if eq $tls.mode "certManager" }}{{ include "toolgate.fullname" . }}-internal-tls{{ end }}
{{- end }}

{{- define "toolgate.address" -}}
dns:///{{ include "toolgate.component.name" . }}.{{ .root.Release.Namespace }}.svc.{{ .root.Values.clusterDomain }}:{{ .port }}
{{- end }}
