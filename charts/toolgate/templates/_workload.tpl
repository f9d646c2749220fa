{{- /*
One of the four services as Deployment, Service and ServiceAccount.
root, component, values (its block); probe (startup, readiness and liveness handlers); port, portName, appProtocol;
healthPort (where it is another); headless; token; env, volumes, mounts (YAML of lists); checksum.
*/ -}}
{{- define "toolgate.workload" -}}
{{- $values := .values }}
{{- $name := include "toolgate.component.name" . }}
{{- $selector := include "toolgate.selectorLabels" . }}
{{- $tlsSecret := include "toolgate.internalTls.secret" .root }}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ $name }}
  labels:
    {{- include "toolgate.labels" . | nindent 4 }}
spec:
  {{- if not $values.autoscaling.enabled }}
  replicas: {{ $values.replicas }}
  {{- end }}
  revisionHistoryLimit: 5
  selector:
    matchLabels:
      {{- $selector | nindent 6 }}
  strategy:
    type: RollingUpdate
    rollingUpdate: {maxSurge: 25%, maxUnavailable: 0}
  template:
    metadata:
      labels:
        {{- include "toolgate.labels" . | nindent 8 }}
        {{- with $values.podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- if or $values.podAnnotations .checksum }}
      annotations:
        {{- with .checksum }}
        checksum/config: {{ . }}
        {{- end }}
        {{- with $values.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- end }}
    spec:
      serviceAccountName: {{ include "toolgate.serviceAccountName" . }}
      automountServiceAccountToken: {{ .token }}
      enableServiceLinks: false
      # a process that is number 1 ignores SIGTERM until it handles it: one that is starting would only end with the grace period
      shareProcessNamespace: true
      terminationGracePeriodSeconds: {{ include "toolgate.drain.grace" . }}
      {{- include "toolgate.imagePullSecrets" .root | nindent 6 }}
      {{- include "toolgate.priorityClassName" (dict "root" .root "values" $values "class" "gateway") | nindent 6 }}
      {{- include "toolgate.scheduling" $values | nindent 6 }}
      {{- include "toolgate.spread" (dict "values" $values "selector" $selector) | nindent 6 }}
      securityContext:
        {{- include "toolgate.podSecurityContext" $values.podSecurityContext | nindent 8 }}
      containers:
        - name: {{ .component }}
          image: {{ include "toolgate.image" (dict "root" .root "image" $values.image) | quote }}
          imagePullPolicy: {{ $values.image.pullPolicy }}
          securityContext:
            {{- include "toolgate.securityContext" $values.securityContext | nindent 12 }}
          ports:
            - {name: {{ .portName }}, containerPort: {{ .port }}}
            - {name: metrics, containerPort: 9090}
            {{- if .healthPort }}
            - {name: health, containerPort: {{ .healthPort }}}
            {{- end }}
          env:
            - {name: TOOLGATE_LOG_LEVEL, value: {{ .root.Values.global.logLevel | quote }}}
            - {name: TOOLGATE_HEALTH_GRACE_S, value: {{ $values.drain.preStopSeconds | quote }}}
            - {name: TOOLGATE_DRAIN_S, value: {{ .root.Values.maxRequestSeconds | quote }}}
            {{- if $tlsSecret }}
            - {name: TOOLGATE_TLS_DIR, value: /etc/toolgate-tls}
            {{- end }}
            {{- .env | nindent 12 }}
            {{- with $values.env }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
          {{- with $values.envFrom }}
          envFrom:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          {{- range $kind := list "startup" "readiness" "liveness" }}
          {{ $kind }}Probe:
            {{- index $.probe $kind | nindent 12 }}
            {{- toYaml (index $values.probes $kind) | nindent 12 }}
          {{- end }}
          resources:
            {{- toYaml $values.resources | nindent 12 }}
          volumeMounts:
            - {name: tmp, mountPath: /tmp}
            {{- if $tlsSecret }}
            - {name: internal-tls, mountPath: /etc/toolgate-tls, readOnly: true}
            {{- end }}
            {{- with .mounts }}
            {{- . | nindent 12 }}
            {{- end }}
      volumes:
        - {name: tmp, emptyDir: {}}
        {{- if $tlsSecret }}
        - name: internal-tls
          secret: {secretName: {{ $tlsSecret }}}
        {{- end }}
        {{- with .volumes }}
        {{- . | nindent 8 }}
        {{- end }}
---
apiVersion: v1
kind: Service
metadata:
  name: {{ $name }}
  labels:
    {{- include "toolgate.labels" . | nindent 4 }}
  {{- with $values.service.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  type: {{ $values.service.type }}
  {{- if .headless }}
  # gRPC keeps its connections: behind one address, all calls would go to one pod
  clusterIP: None
  {{- end }}
  selector:
    {{- $selector | nindent 4 }}
  ports:
    - name: {{ .portName }}
      port: {{ $values.service.port }}
      targetPort: {{ .portName }}
      appProtocol: {{ .appProtocol }}
    - {name: metrics, port: 9090, targetPort: metrics}
{{- if not $values.serviceAccount.name }}
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ $name }}
  labels:
    {{- include "toolgate.labels" . | nindent 4 }}
  {{- with $values.serviceAccount.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
automountServiceAccountToken: false
{{- end }}
{{- end }}

{{- /* One of the three gRPC services: root, component, key (of its values), service (of its health), port. */ -}}
{{- define "toolgate.grpcWorkload" -}}
{{- $values := index .root.Values .key }}
{{- /* The kubelet has no certificate: with TLS, health has a separate port. */ -}}
{{- $health := ternary 50060 0 (ne "" (include "toolgate.internalTls.secret" .root)) }}
{{- $probe := printf "grpc: {port: %d, service: %s}" (int (default .port $health)) .service }}
{{- $env := printf "- {name: TOOLGATE_MAX_CALL_S, value: %q}\n- {name: TOOLGATE_MAX_CONNECTION_AGE_S, value: \"300\"}" (toString .root.Values.maxRequestSeconds) }}
{{- if $health }}{{ $env = printf "%s\n- {name: TOOLGATE_HEALTH_PORT, value: %q}" $env (toString $health) }}{{ end }}
{{- include "toolgate.workload" (dict "root" .root "component" .component "values" $values
  "probe" (dict "startup" $probe "readiness" $probe "liveness" $probe)
  "port" .port "healthPort" $health "portName" "grpc" "appProtocol" "grpc" "headless" true "token" false "env" $env) }}
{{- end }}
