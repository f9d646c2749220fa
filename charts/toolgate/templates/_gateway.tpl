{{- /* The gateway's file: upstreams outside the release, and aliases. The release's own models are discovered. */ -}}
{{- define "toolgate.gateway.config" -}}
{{- $upstreams := dict }}
{{- $models := deepCopy .Values.gateway.aliases }}
{{- range $name, $external := .Values.externalModels }}
{{- $entry := dict "urls" $external.urls }}
{{- with $external.balance }}{{ $_ := set $entry "balance" . }}{{ end }}
{{- with $external.headers }}{{ $_ := set $entry "headers" . }}{{ end }}
{{- with $external.capabilities }}{{ $_ := set $entry "capabilities" . }}{{ end }}
{{- with $external.authSecretRef }}{{ $_ := set $entry "api_key_file" (printf "/etc/toolgate-secrets/%s/%s" $name .key) }}{{ end }}
{{- $_ := set $upstreams $name $entry }}
{{- range $alias, $model := $external.models }}
{{- $_ := set $models $alias (merge (dict "upstream" $name) $model) }}
{{- end }}
{{- end }}
{{- range $name := splitList "\n" (trim (include "toolgate.model.names" $)) | compact }}
{{- $model := include "toolgate.model" (dict "root" $ "name" $name) | fromYaml }}
{{- range $adapter, $_ := $model.lora.adapters }}
{{- $_ := set $models $adapter (merge (dict "upstream" $name "model" $adapter) $model.derived.gateway) }}
{{- end }}
{{- end }}
{{- toYaml (dict "upstreams" $upstreams "models" $models) }}
{{- end }}
