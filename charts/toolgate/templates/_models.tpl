{{- define "toolgate.catalogue" -}}
{{ .Files.Get "models.yaml" }}
{{- end }}

{{- /* The names of the enabled models, one per line. */ -}}
{{- define "toolgate.model.names" -}}
{{- range $name, $_ := .Values.models }}
{{- $own := mergeOverwrite (deepCopy $.Values.modelDefaults) (deepCopy (default dict $_)) }}
{{- if $own.enabled }}
{{ $name }}
{{- end }}
{{- end }}
{{- end }}

{{- /*
A resolved model: its values over modelDefaults, the preset's for those left out, and derived ones.
root, name -> YAML: the values, and `derived`.
*/ -}}
{{- define "toolgate.model" -}}
{{- $root := .root }}
{{- $model := mergeOverwrite (deepCopy $root.Values.modelDefaults) (deepCopy (default dict (index $root.Values.models .name))) }}
{{- $presets := (include "toolgate.catalogue" $root | fromYaml).presets }}
{{- $preset := default dict (index $presets (default "" $model.preset)) }}
{{- $simulated := eq $model.engine "simulator" }}
{{- $tensor := default 1 (index (default dict $preset.tp) (default "" $model.gpu.type)) }}
{{- if not (kindIs "invalid" $model.parallelism.tensor) }}{{ $tensor = int $model.parallelism.tensor }}{{ end }}
{{- $nodes := int $model.parallelism.nodes }}
{{- $world := mul $tensor $model.parallelism.pipeline }}
{{- $gpus := div (mul $world $model.parallelism.data) (max $nodes 1) }}
{{- $withGpus := ternary (not $simulated) $model.gpu.enabled (kindIs "invalid" $model.gpu.enabled) }}
{{- $startup := ternary (ternary 60 1800 $simulated) $model.startupSeconds (kindIs "invalid" $model.startupSeconds) }}
{{- $uri := default (printf "hf://%s" (default .name $preset.repo)) $model.uri }}
{{- $image := ternary (dict "registry" "ghcr.io/toolgate" "repository" "simulator") (dict "registry" "docker.io" "repository" "vllm/vllm-openai" "tag" "v0.33.0") $simulated }}
{{- if $model.image.repository }}{{ $image = dict "registry" "" }}{{ end }}
{{- $image = mergeOverwrite $image (include "toolgate.given" $model.image | fromYaml) }}
{{- $version := $model.image.vllmVersion }}
{{- if not $version }}{{ $version = ternary "0.33.0" (trimPrefix "v" (toString $image.tag)) $simulated }}{{ end }}
{{- $template := default (default "" $preset.chatTemplate) $model.toolCalling.chatTemplate }}
{{- $gateway := default dict $preset.gateway }}
{{- $policy := mergeOverwrite (deepCopy (default dict $gateway.policy)) (deepCopy $model.gateway.policy) }}
{{- $config := dict }}
{{- with default $gateway.preset $model.gateway.preset }}{{ $_ := set $config "preset" . }}{{ end }}
{{- with $policy }}{{ $_ := set $config "policy" . }}{{ end }}
{{- $derived := dict
  "tensor" $tensor "world" $world "gpus" $gpus "withGpus" $withGpus "startupSeconds" (int $startup)
  "uri" $uri "image" $image "vllmVersion" $version "simulated" $simulated
  "parser" (default (default "" $preset.parser) $model.toolCalling.parser)
  "reasoningParser" (default (default "" $preset.reasoningParser) $model.reasoningParser)
  "maxModelLen" (default $preset.maxModelLen $model.maxModelLen)
  "chatTemplate" $template "gateway" $config
  "servedNames" (default (list .name) $model.servedNames)
  "args" (default list $preset.args) "minVllm" (default "0.0.0" $preset.minVllm)
  "shmSize" (default (ternary "16Gi" "1Gi" (gt (int $gpus) 1)) $model.shmSize) }}
{{- toYaml (set $model "derived" $derived) }}
{{- end }}

{{- /* A map without its empty values. */ -}}
{{- define "toolgate.given" -}}
{{- $given := dict }}
{{- range $key, $value := . }}{{ if $value }}{{ $_ := set $given $key $value }}{{ end }}{{ end }}
{{- toYaml $given }}
{{- end }}

{{- define "toolgate.model.short" -}}
{{- include "toolgate.short" (dict "text" (.name | lower | replace "." "-" | replace "_" "-") "max" 20) }}
{{- end }}

{{- define "toolgate.model.selectorLabels" -}}
{{ include "toolgate.selectorLabels" (dict "root" .root "component" "model") }}
toolgate.dev/model: {{ .name | quote }}
{{- end }}

{{- define "toolgate.model.labels" -}}
{{ include "toolgate.labels" (dict "root" .root "component" "model") }}
toolgate.dev/model: {{ .name | quote }}
{{- end }}

{{- /* vLLM's arguments: root, name, model (resolved) -> a YAML list. */ -}}
{{- define "toolgate.model.args" -}}
{{- $model := .model }}
{{- $derived := $model.derived }}
{{- $args := list (include "toolgate.model.path" $derived.uri) "--port=8000" (printf "--served-model-name=%s" (first $derived.servedNames)) }}
{{- if gt (len $derived.servedNames) 1 }}
{{- $args = concat (list (first $args) "--port=8000" "--served-model-name") $derived.servedNames }}
{{- end }}
{{- with $model.revision }}{{ $args = append $args (printf "--revision=%s" .) }}{{ end }}
{{- if $model.toolCalling.enabled }}
{{- with $derived.parser }}{{ $args = concat $args (list "--enable-auto-tool-choice" (printf "--tool-call-parser=%s" .)) }}{{ end }}
{{- with $model.toolCalling.parserPlugin }}{{ $args = append $args (printf "--tool-parser-plugin=%s" .) }}{{ end }}
{{- with $model.toolCalling.strictLevel }}{{ $args = append $args (printf "--tool-strict-level=%s" .) }}{{ end }}
{{- end }}
{{- with $derived.reasoningParser }}{{ $args = append $args (printf "--reasoning-parser=%s" .) }}{{ end }}
{{- if $derived.chatTemplate }}{{ $args = append $args (printf "--chat-template=%s" (include "toolgate.model.templatePath" $derived.chatTemplate)) }}{{ end }}
{{- with $model.structuredOutputs.backend }}{{ $args = append $args (printf "--structured-outputs-config=%s" (dict "backend" . | toJson)) }}{{ end }}
{{- with $derived.maxModelLen }}{{ $args = append $args (printf "--max-model-len=%d" (int .)) }}{{ end }}
{{- range $key, $flag := dict "dtype" "dtype" "quantization" "quantization" "kvCacheDtype" "kv-cache-dtype" "generationConfig" "generation-config" "toolServers" "tool-server" "gpuMemoryUtilization" "gpu-memory-utilization" }}
{{- with index $model $key }}{{ $args = append $args (printf "--%s=%v" $flag .) }}{{ end }}
{{- end }}
{{- with .root.Values.monitoring.tracing.endpoint }}{{ $args = append $args (printf "--otlp-traces-endpoint=%s" .) }}{{ end }}
{{- with $model.lora.adapters }}
{{- $args = concat $args (list "--enable-lora" "--lora-modules") }}
{{- range $adapter, $uri := . }}{{ $args = append $args (printf "%s=%s" $adapter (include "toolgate.model.path" $uri)) }}{{ end }}
{{- end }}
{{- range $flag, $value := dict "max-num-seqs" $model.maxNumSeqs "max-num-batched-tokens" $model.maxNumBatchedTokens "max-num-queued-reqs" $model.maxQueuedRequests "max-lora-rank" $model.lora.maxRank "max-loras" $model.lora.maxInBatch }}
{{- if not (kindIs "invalid" $value) }}{{ $args = append $args (printf "--%s=%d" $flag (int $value)) }}{{ end }}
{{- end }}
{{- if not (kindIs "invalid" $model.enablePrefixCaching) }}{{ $args = append $args (ternary "--enable-prefix-caching" "--no-enable-prefix-caching" $model.enablePrefixCaching) }}{{ end }}
{{- if gt (int $derived.tensor) 1 }}{{ $args = append $args (printf "--tensor-parallel-size=%d" (int $derived.tensor)) }}{{ end }}
{{- if gt (int $model.parallelism.pipeline) 1 }}{{ $args = append $args (printf "--pipeline-parallel-size=%d" (int $model.parallelism.pipeline)) }}{{ end }}
{{- if gt (int $model.parallelism.data) 1 }}{{ $args = append $args (printf "--data-parallel-size=%d" (int $model.parallelism.data)) }}{{ end }}
{{- if and $model.parallelism.expert (not (has "--enable-expert-parallel" $derived.args)) }}{{ $args = append $args "--enable-expert-parallel" }}{{ end }}
{{- if gt (int $model.parallelism.nodes) 1 }}
{{- $args = concat $args (list "--distributed-executor-backend=mp" (printf "--nnodes=%d" (int $model.parallelism.nodes)) "--node-rank=$(LWS_WORKER_INDEX)" "--master-addr=$(LWS_LEADER_ADDRESS)" "--master-port=29501") }}
{{- end }}
{{- if semverCompare ">=0.18.0-0" $derived.vllmVersion }}{{ $args = append $args (printf "--shutdown-timeout=%d" (int .root.Values.maxRequestSeconds)) }}{{ end }}
{{- $args = concat $args (list "--disable-access-log-for-endpoints=/health,/metrics") $derived.args $model.extraArgs }}
{{- toYaml $args }}
{{- end }}

{{- /* The path or name that vLLM loads a URI from. */ -}}
{{- define "toolgate.model.path" -}}
{{- if hasPrefix "pvc://" . -}}
{{- $rest := regexReplaceAll "^pvc://[^/]+/?" . "" -}}
/model{{ if $rest }}/{{ $rest }}{{ end }}
{{- else if hasPrefix "oci://" . -}}
/model
{{- else -}}
{{- trimPrefix "hf://" . }}
{{- end }}
{{- end }}

{{- define "toolgate.model.templatePath" -}}
{{- if hasPrefix "/" . }}{{ . }}{{ else }}/etc/chat-template/{{ last (splitList "/" .) }}{{ end }}
{{- end }}
