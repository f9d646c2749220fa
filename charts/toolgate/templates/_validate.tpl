{{- /* All faults of the values in one message, one per line. */ -}}
{{- define "toolgate.validate" -}}
{{- $faults := concat
  (splitList "\n" (include "toolgate.validate.base" .))
  (splitList "\n" (include "toolgate.validate.scaling" .))
  (splitList "\n" (include "toolgate.validate.models" .)) }}
{{- $lines := list }}
{{- range $faults }}{{ if trim . }}{{ $lines = append $lines (printf "  - %s" (trim .)) }}{{ end }}{{ end }}
{{- if $lines }}
{{- fail (printf "\n\nInvalid values:\n%s\n" (join "\n" $lines)) }}
{{- end }}
{{- end }}

{{- define "toolgate.validate.base" -}}
{{- $tls := .Values.tls }}
{{- if and (eq $tls.mode "existing") (not $tls.existingSecret) }}
tls.mode is existing: name the Secret in tls.existingSecret
{{- end }}
{{- if and (eq $tls.mode "certManager") (not $tls.certManager.issuerRef.name) }}
tls.mode is certManager: name the issuer in tls.certManager.issuerRef.name
{{- end }}
{{- if and (ne $tls.mode "none") (or (not .Values.ingress.enabled) (not .Values.ingress.host)) }}
tls.mode is {{ $tls.mode }}: it is for the Ingress, which needs ingress.enabled and ingress.host
{{- end }}
{{- $internal := .Values.internalTls }}
{{- if and (eq $internal.mode "existing") (not $internal.existingSecret) }}
internalTls.mode is existing: name the Secret in internalTls.existingSecret
{{- end }}
{{- if and (eq $internal.mode "certManager") (not $internal.certManager.issuerRef.name) }}
internalTls.mode is certManager: name the issuer in internalTls.certManager.issuerRef.name
{{- end }}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.parentRefs) }}
httpRoute.enabled: name a Gateway in httpRoute.parentRefs
{{- end }}
{{- range $name, $external := .Values.externalModels }}
{{- if hasKey $.Values.models $name }}
externalModels.{{ $name }}: a model of this release has the same name
{{- end }}
{{- end }}
{{- if and (not .Values.gateway.discovery) (include "toolgate.model.names" . | trim) }}
gateway.discovery is off: the models of this release would not be found; set it, or models to {} and name them in externalModels
{{- end }}
{{- end }}

{{- define "toolgate.validate.models" -}}
{{- $presets := (include "toolgate.catalogue" . | fromYaml).presets }}
{{- $vllm := .Files.Get "vllm.yaml" | fromYaml }}
{{- range $name := splitList "\n" (trim (include "toolgate.model.names" .)) | compact }}
{{- $where := printf "models.%s" $name }}
{{- $own := mergeOverwrite (deepCopy $.Values.modelDefaults) (deepCopy (default dict (index $.Values.models $name))) }}
{{- $model := include "toolgate.model" (dict "root" $ "name" $name) | fromYaml }}
{{- $derived := $model.derived }}
{{- if not (regexMatch "^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$" $name) }}
{{ $where }}: a name has small letters, digits, dots and dashes only; clients' names belong into servedNames
{{- end }}
{{- if and $own.preset (not (hasKey $presets $own.preset)) }}
{{ $where }}.preset: there is no {{ $own.preset }}; there are {{ keys $presets | sortAlpha | join ", " }}
{{- else if and (not $own.preset) (not $own.uri) }}
{{ $where }}: give a preset (one of models.yaml) or a uri such as hf://org/name
{{- end }}
{{- if and $own.uri (not (regexMatch "^(hf|pvc|oci)://" $own.uri)) }}
{{ $where }}.uri: must begin with hf://, pvc:// or oci://
{{- end }}
{{- if and (hasPrefix "oci://" $derived.uri) (semverCompare "<1.33.0-0" $.Capabilities.KubeVersion.Version) }}
{{ $where }}.uri: oci:// needs image volumes, Kubernetes 1.33; this is {{ $.Capabilities.KubeVersion.Version }}
{{- end }}
{{- if and $model.toolCalling.enabled (not $derived.parser) (not $derived.simulated) }}
{{ $where }}.toolCalling.parser: without one, vLLM refuses `auto`; name one, or set toolCalling.enabled to false. There are {{ $vllm.toolParsers | join ", " }}
{{- end }}
{{- if and $derived.parser (not $model.toolCalling.parserPlugin) (not (has $derived.parser $vllm.toolParsers)) }}
{{ $where }}.toolCalling.parser: vLLM has no {{ $derived.parser }}; there are {{ $vllm.toolParsers | join ", " }}
{{- end }}
{{- if and $derived.reasoningParser (not (has $derived.reasoningParser $vllm.reasoningParsers)) }}
{{ $where }}.reasoningParser: vLLM has no {{ $derived.reasoningParser }}; there are {{ $vllm.reasoningParsers | join ", " }}
{{- end }}
{{- include "toolgate.validate.version" (dict "where" $where "model" $model "vllm" $vllm) }}
{{- include "toolgate.validate.parallelism" (dict "where" $where "model" $model "own" $own) }}
{{- if and $derived.chatTemplate (not (contains "/" $derived.chatTemplate)) (not ($.Files.Get (printf "chat-templates/%s" $derived.chatTemplate))) }}
{{ $where }}.toolCalling.chatTemplate: the chart has no {{ $derived.chatTemplate }}; name a ConfigMap as name/key, or a path in the image
{{- end }}
{{- range $adapter, $uri := $model.lora.adapters }}
{{- if not (regexMatch "^(hf://[^/]+/|pvc://[^/]+/|/).+" (toString $uri)) }}
{{ $where }}.lora.adapters.{{ $adapter }}: must be hf://org/name, pvc://claim/folder or a path in the image
{{- else if and (hasPrefix "pvc://" $uri) (ne (index (splitList "/" (trimPrefix "pvc://" $uri)) 0) (index (splitList "/" (trimPrefix "pvc://" $derived.uri)) 0)) }}
{{ $where }}.lora.adapters.{{ $adapter }}: pvc:// is for the claim that the model itself is on
{{- end }}
{{- if or (hasKey $.Values.models $adapter) (hasKey $.Values.gateway.aliases $adapter) }}
{{ $where }}.lora.adapters.{{ $adapter }}: a model or an alias has the same name
{{- end }}
{{- end }}
{{- if and $model.inferencePool.enabled (not $model.inferencePool.endpointPicker.name) }}
{{ $where }}.inferencePool.endpointPicker.name: name the Service of the endpoint picker
{{- end }}
{{- if and $model.cache.enabled (eq $model.cache.accessMode "ReadWriteOnce") (or (gt (int $model.replicas) 1) (gt (int $model.parallelism.nodes) 1) $model.autoscaling.enabled) }}
{{ $where }}.cache.accessMode: ReadWriteOnce is for one node; several pods need ReadWriteMany
{{- end }}
{{- end }}
{{- end }}

{{- define "toolgate.validate.version" -}}
{{- $derived := .model.derived }}
{{- if not $derived.simulated }}
{{- if not (regexMatch "^[0-9]+\\.[0-9]+(\\.[0-9]+)?" $derived.vllmVersion) }}
{{ .where }}.image.vllmVersion: the tag {{ $derived.vllmVersion }} does not contain vLLM's version; set it here
{{- else }}
{{- if semverCompare (printf "<%s-0" $derived.minVllm) $derived.vllmVersion }}
{{ .where }}.image.tag: {{ .model.preset }} needs vLLM {{ $derived.minVllm }}, this image has {{ $derived.vllmVersion }}
{{- end }}
{{- $flags := dict "--nnodes" (gt (int .model.parallelism.nodes) 1) "--tool-strict-level" (not (empty .model.toolCalling.strictLevel)) "--structured-outputs-config" (not (empty .model.structuredOutputs.backend)) "--max-num-queued-reqs" (not (kindIs "invalid" .model.maxQueuedRequests)) }}
{{- range $flag, $used := $flags }}
{{- if and $used (semverCompare (printf "<%s-0" (index $.vllm.since $flag)) $derived.vllmVersion) }}
{{ $.where }}.image.tag: {{ $flag }} came with vLLM {{ index $.vllm.since $flag }}, this image has {{ $derived.vllmVersion }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "toolgate.validate.parallelism" -}}
{{- $model := .model }}
{{- $derived := $model.derived }}
{{- $nodes := int $model.parallelism.nodes }}
{{- if mod $derived.world (max $nodes 1) }}
{{ .where }}.parallelism: tensor x pipeline is {{ $derived.world }}, which {{ $nodes }} nodes cannot share evenly
{{- end }}
{{- if and (gt $nodes 1) (gt (int $model.parallelism.data) 1) }}
{{ .where }}.parallelism: data above 1 is for one node; use replicas for more
{{- end }}
{{- if and (not (kindIs "invalid" $model.gpu.count)) (ne (int $model.gpu.count) (int $derived.gpus)) }}
{{ .where }}.gpu.count: is {{ $model.gpu.count }}, but tensor x pipeline x data / nodes makes {{ $derived.gpus }} per pod; leave it out
{{- end }}
{{- end }}
