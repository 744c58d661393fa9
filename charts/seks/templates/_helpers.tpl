{{- define "seks.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/name: seks
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.global.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* labels that select the pods of one part; call with (dict "root" $ "part" "operator") */}}
{{- define "seks.selectorLabels" -}}
app.kubernetes.io/name: seks
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end }}

{{/* full image reference; call with (dict "root" $ "image" .Values.image) */}}
{{- define "seks.image" -}}
{{- if .image.digest -}}
{{ .image.repository }}@{{ .image.digest }}
{{- else -}}
{{ .image.repository }}:{{ .image.tag | default .root.Chart.AppVersion }}
{{- end -}}
{{- end }}

{{/* list of sidecar images that a new pod may have, as a CEL list */}}
{{- define "seks.allowedSidecarImages" -}}
{{- $current := include "seks.image" (dict "root" . "image" .Values.sidecar.image) -}}
{{- prepend .Values.sidecar.additionalAllowedImages $current | toJson -}}
{{- end }}

{{/* whether to render an object of the Prometheus operator; call with (dict "root" $ "kind" "PodMonitor") */}}
{{- define "seks.rendersMonitor" -}}
{{- if or (eq .root.Values.monitoring.renderMode "alwaysRender") (.root.Capabilities.APIVersions.Has (printf "monitoring.coreos.com/v1/%s" .kind)) -}}
true
{{- end -}}
{{- end }}

{{/* Deployment of one part; call with (dict "root" $ "part" "operator" "role" "controller" "port" 9443 "values" .Values.operator "env" (list …)) */}}
{{- define "seks.deployment" -}}
{{- $root := .root -}}
{{- $selector := include "seks.selectorLabels" (dict "root" $root "part" .part) -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: seks-{{ .part }}
  namespace: {{ $root.Release.Namespace }}
  labels:
    {{- include "seks.labels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ .part }}
spec:
  replicas: {{ .values.replicas }}
  revisionHistoryLimit: 3
  selector:
    matchLabels:
      {{- $selector | nindent 6 }}
  strategy:
    type: RollingUpdate
    # The old pod goes when the new one is ready, also with one replica: the webhook must not be away.
    rollingUpdate: { maxUnavailable: 0, maxSurge: 1 }
  template:
    metadata:
      labels:
        {{- $selector | nindent 8 }}
        {{- with $root.Values.global.commonLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      annotations:
        kubectl.kubernetes.io/default-container: {{ .part }}
        {{- with .values.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      serviceAccountName: seks-{{ .part }}
      automountServiceAccountToken: true
      enableServiceLinks: false
      {{- with $root.Values.global.priorityClassName }}
      priorityClassName: {{ . }}
      {{- end }}
      {{- with $root.Values.global.imagePullSecrets }}
      imagePullSecrets:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      securityContext:
        runAsNonRoot: true
        runAsUser: 65532
        runAsGroup: 65532
        fsGroup: 65532
        seccompProfile: { type: RuntimeDefault }
      containers:
        - name: {{ .part }}
          image: {{ include "seks.image" (dict "root" $root "image" $root.Values.image) }}
          imagePullPolicy: {{ $root.Values.image.pullPolicy }}
          args: [{{ .role }}]
          env:
            - name: SEKS_NAMESPACE
              valueFrom: { fieldRef: { fieldPath: metadata.namespace } }
            - { name: SEKS_CLUSTER_DOMAIN, value: {{ $root.Values.clusterDomain | quote }} }
            - { name: SEKS_LOG_LEVEL, value: {{ $root.Values.logLevel | quote }} }
            {{- range .env }}
            - name: {{ .name }}
              value: {{ .value | quote }}
            {{- end }}
            {{- with .values.extraEnv }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
          ports:
            - { name: https, containerPort: {{ .port }} }
            - { name: metrics, containerPort: 8080 }
          startupProbe:
            httpGet: { path: /healthz, port: metrics }
            periodSeconds: 1
            failureThreshold: 60
          livenessProbe:
            httpGet: { path: /healthz, port: metrics }
            periodSeconds: 10
            timeoutSeconds: 5
            failureThreshold: 3
          readinessProbe:
            httpGet: { path: /readyz, port: metrics }
            periodSeconds: 5
            timeoutSeconds: 3
            failureThreshold: 2
          resources:
            {{- toYaml .values.resources | nindent 12 }}
          securityContext:
            allowPrivilegeEscalation: false
            privileged: false
            readOnlyRootFilesystem: true
            capabilities: { drop: [ALL] }
          terminationMessagePolicy: File
      {{- with .values.nodeSelector }}
      nodeSelector:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .values.tolerations }}
      tolerations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .values.affinity }}
      affinity:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .values.topologySpreadConstraints }}
      topologySpreadConstraints:
        {{- range . }}
        - labelSelector:
            matchLabels:
              {{- $selector | nindent 14 }}
          {{- toYaml . | nindent 10 }}
        {{- end }}
      {{- end }}
{{- if .values.podDisruptionBudget.enabled }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: seks-{{ .part }}
  namespace: {{ $root.Release.Namespace }}
  labels:
    {{- include "seks.labels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ .part }}
spec:
  minAvailable: {{ .values.podDisruptionBudget.minAvailable }}
  selector:
    matchLabels:
      {{- $selector | nindent 6 }}
{{- end }}
{{- end }}

{{/* ValidatingAdmissionPolicyBinding of a policy; call with (dict "root" $ "policy" "seks-…") */}}
{{- define "seks.policyBinding" -}}
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: {{ .policy }}
  labels:
    {{- include "seks.labels" .root | nindent 4 }}
spec:
  policyName: {{ .policy }}
  validationActions: [Deny]
{{- end }}
