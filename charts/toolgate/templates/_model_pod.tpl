{{- /* The pod of a model: root, name, model (resolved), worker (of a group: it serves no requests). */ -}}
{{- define "toolgate.model.pod" -}}
{{- $model := .model }}
{{- $derived := $model.derived }}
{{- $args := include "toolgate.model.args" . | fromYamlArray }}
{{- if .worker }}{{ $args = append $args "--headless" }}{{ end }}
metadata:
  labels:
    {{- include "toolgate.model.labels" . | nindent 4 }}
    {{- with $model.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with $model.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ include "toolgate.component.name" (dict "root" .root "component" "model") }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  # a process that is number 1 ignores SIGTERM until it handles it: one that is starting would only end with the grace period
  shareProcessNamespace: true
  terminationGracePeriodSeconds: {{ include "toolgate.drain.modelGrace" (dict "root" .root "values" $model) }}
  {{- include "toolgate.imagePullSecrets" .root | nindent 2 }}
  {{- include "toolgate.priorityClassName" (dict "root" .root "values" $model "class" "model") | nindent 2 }}
  {{- $scheduling := deepCopy $model }}
  {{- if $derived.withGpus }}
  {{- $_ := set $scheduling "tolerations" (concat (list (dict "key" $model.gpu.resourceName "operator" "Exists" "effect" "NoSchedule")) $model.tolerations) }}
  {{- with $model.gpu.product }}{{ $_ := set $scheduling "nodeSelector" (merge (dict "nvidia.com/gpu.product" .) $model.nodeSelector) }}{{ end }}
  {{- end }}
  {{- include "toolgate.scheduling" $scheduling | nindent 2 }}
  {{- include "toolgate.spread" (dict "values" $model "selector" (include "toolgate.model.selectorLabels" .)) | nindent 2 }}
  securityContext:
    {{- include "toolgate.podSecurityContext" $model.podSecurityContext | nindent 4 }}
  containers:
    - name: model
      image: {{ include "toolgate.image" (dict "root" .root "image" $derived.image) | quote }}
      imagePullPolicy: {{ $model.image.pullPolicy }}
      securityContext:
        {{- include "toolgate.securityContext" $model.securityContext | nindent 8 }}
      command: [vllm, serve]
      args:
        {{- toYaml $args | nindent 8 }}
      env:
        {{- include "toolgate.model.env" . | nindent 8 }}
      {{- with $model.envFrom }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- if not .worker }}
      ports:
        - {name: http, containerPort: 8000}
      startupProbe:
        httpGet: {path: /health, port: http}
        initialDelaySeconds: {{ ternary 4 30 $derived.simulated }}
        periodSeconds: {{ ternary 2 10 $derived.simulated }}
        failureThreshold: {{ ceil (divf $derived.startupSeconds (ternary 2 10 $derived.simulated)) }}
        timeoutSeconds: 5
      readinessProbe:
        httpGet: {path: /health, port: http}
        periodSeconds: 5
        failureThreshold: 3
        timeoutSeconds: 2
      livenessProbe:
        httpGet: {path: /health, port: http}
        periodSeconds: 10
        failureThreshold: 6
        timeoutSeconds: 5
      {{- end }}
      lifecycle:
        preStop:
          # vLLM refuses what comes after SIGTERM: clients must first learn that the pod ends
          sleep: {seconds: {{ $model.drain.preStopSeconds }}}
      resources:
        {{- include "toolgate.model.resources" . | nindent 8 }}
      volumeMounts:
        - {name: tmp, mountPath: /tmp}
        - {name: shm, mountPath: /dev/shm}
        - {name: cache, mountPath: /cache}
        {{- if include "toolgate.model.templateConfigMap" . }}
        - {name: chat-template, mountPath: /etc/chat-template, readOnly: true}
        {{- end }}
        {{- if or (hasPrefix "pvc://" $derived.uri) (hasPrefix "oci://" $derived.uri) }}
        - {name: model, mountPath: /model, readOnly: true}
        {{- end }}
  volumes:
    - {name: tmp, emptyDir: {}}
    - name: shm
      emptyDir: {medium: Memory, sizeLimit: {{ $derived.shmSize }}}
    - name: cache
      {{- if $model.cache.enabled }}
      persistentVolumeClaim: {claimName: {{ default (printf "%s-cache" (include "toolgate.model.fullname" .)) $model.cache.existingClaim }}}
      {{- else }}
      emptyDir: {}
      {{- end }}
    {{- with include "toolgate.model.templateConfigMap" . }}
    - name: chat-template
      configMap: {name: {{ . }}}
    {{- end }}
    {{- if hasPrefix "pvc://" $derived.uri }}
    - name: model
      persistentVolumeClaim: {claimName: {{ index (splitList "/" (trimPrefix "pvc://" $derived.uri)) 0 }}, readOnly: true}
    {{- else if hasPrefix "oci://" $derived.uri }}
    - name: model
      image: {reference: {{ trimPrefix "oci://" $derived.uri | quote }}, pullPolicy: IfNotPresent}
    {{- end }}
{{- end }}

{{- /* At most 50: a LeaderWorkerSet's revisions are labels of 13 characters more. */ -}}
{{- define "toolgate.model.fullname" -}}
{{- include "toolgate.short" (dict "text" (include "toolgate.fullname" .root) "max" 23) }}-model-{{ include "toolgate.model.short" . }}
{{- end }}

{{- /* The ConfigMap of a chat template: the chart's, or one given as `name/key`; empty for a path in the image. */ -}}
{{- define "toolgate.model.templateConfigMap" -}}
{{- $template := .model.derived.chatTemplate }}
{{- if and $template (not (hasPrefix "/" $template)) -}}
{{- if contains "/" $template }}{{ index (splitList "/" $template) 0 }}{{ else }}{{ include "toolgate.model.fullname" . }}-template{{ end }}
{{- end }}
{{- end }}

{{- define "toolgate.model.resources" -}}
{{- $model := .model }}
{{- $resources := deepCopy $model.resources }}
{{- if and $model.derived.simulated (not $resources) }}
{{- $resources = dict "requests" (dict "cpu" "100m" "memory" "256Mi") "limits" (dict "memory" "1Gi") }}
{{- end }}
{{- if $model.derived.withGpus }}
{{- $gpus := dict $model.gpu.resourceName (int $model.derived.gpus) }}
{{- $resources = mergeOverwrite $resources (dict "requests" $gpus "limits" $gpus) }}
{{- end }}
{{- toYaml $resources }}
{{- end }}

{{- define "toolgate.model.env" -}}
{{- $model := .model }}
{{- $caches := dict "HOME" "/tmp" "USER" "vllm" "HF_HOME" "/cache/huggingface" "VLLM_CACHE_ROOT" "/cache/vllm" "TRITON_CACHE_DIR" "/cache/triton" "TORCHINDUCTOR_CACHE_DIR" "/cache/inductor" "VLLM_NO_USAGE_STATS" "1" "DO_NOT_TRACK" "1" }}
{{- $_ := set $caches "VLLM_ENGINE_READY_TIMEOUT_S" (toString $model.derived.startupSeconds) }}
{{- /* longer than any client's pool keeps a connection, so that the client closes first */}}
{{- $_ := set $caches "VLLM_HTTP_TIMEOUT_KEEP_ALIVE" "75" }}
{{- if $model.derived.simulated }}
{{- with $model.simulator.persona }}{{ $_ := set $caches "TOOLGATE_SIMULATOR_PERSONA" . }}{{ end }}
{{- with $model.simulator.tokensPerSecond }}{{ $_ := set $caches "TOOLGATE_SIMULATOR_TOKENS_PER_SECOND" (toString .) }}{{ end }}
{{- with $model.simulator.startupSeconds }}{{ $_ := set $caches "TOOLGATE_SIMULATOR_STARTUP_S" (toString .) }}{{ end }}
{{- end }}
{{- range $name, $value := $caches }}
- {name: {{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{- if gt (int $model.parallelism.nodes) 1 }}
- name: VLLM_HOST_IP
  valueFrom: {fieldRef: {fieldPath: status.podIP}}
{{- end }}
{{- with .root.Values.secrets.huggingFace }}
{{- if and .existingSecret (not $model.derived.simulated) }}
- name: HF_TOKEN
  valueFrom: {secretKeyRef: {name: {{ .existingSecret }}, key: {{ .key }}}}
{{- end }}
{{- end }}
{{- with .root.Values.secrets.modelApiKey }}
{{- if .existingSecret }}
- name: VLLM_API_KEY
  valueFrom: {secretKeyRef: {name: {{ .existingSecret }}, key: {{ .key }}}}
{{- end }}
{{- end }}
{{- with $model.env }}
{{ toYaml . }}
{{- end }}
{{- end }}
