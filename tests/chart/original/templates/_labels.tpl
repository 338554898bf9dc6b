{{/* On everything, and what selects the pods. */}}
{{- define "original.labels" -}}
app: {{ default .Chart.Name .Values.nameOverride }}
azure-workload-identity.io/system: "true"
chart: {{ default .Chart.Name .Values.nameOverride }}
release: {{ .Release.Name }}
{{- end -}}

{{/* metadata: (list ROOT NAME), of something in the release's namespace. */}}
{{- define "original.metadata" -}}
name: {{ index . 1 }}
namespace: {{ (index . 0).Release.Namespace }}
labels:
  {{- include "original.labels" (index . 0) | nindent 2 }}
{{- end -}}
