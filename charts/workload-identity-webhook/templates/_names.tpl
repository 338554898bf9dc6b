{{/*
Names are the original's, so that its release is upgraded in place: the Deployment's selector can't be
changed, and what has another name would be made anew beside the old.
*/}}
{{- define "azwi.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* What selects the webhook's pods. */}}
{{- define "azwi.selector" -}}
app: {{ include "azwi.name" . }}
azure-workload-identity.io/system: "true"
chart: {{ include "azwi.name" . }}
release: {{ .Release.Name }}
{{- end -}}

{{/* On every object. */}}
{{- define "azwi.labels" -}}
{{ include "azwi.selector" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* What selects the controller's pods: another app, since the webhook's Service must not find them. */}}
{{- define "azwi.controller.selector" -}}
app: azwi-controller
azure-workload-identity.io/system: "true"
release: {{ .Release.Name }}
{{- end -}}

{{- define "azwi.controller.labels" -}}
{{ include "azwi.controller.selector" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* An image: (dict "image" .Values.image "tag" the tag "root" $). A digest wins over the tag. */}}
{{- define "azwi.image" -}}
{{- if .image.digest -}}
{{ .image.repository }}@{{ .image.digest }}
{{- else -}}
{{ .image.repository }}:{{ .tag | default .root.Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/*
A file of files/ with the release's names: (dict "root" $ "file" NAME, optionally "annotations" MAP).
The files are applied as they stand by whoever uses no Helm, and by the tests of the controller.
*/}}
{{- define "azwi.file" -}}
{{- $root := .root -}}
{{- $annotations := .annotations -}}
{{- $text := $root.Files.Get (printf "files/%s" .file) | replace "azure-workload-identity-system" $root.Release.Namespace -}}
{{- $labels := include "azwi.controller.labels" $root | fromYaml -}}
{{- range $document := regexSplit "(?m)^---$" $text -1 }}
{{- $object := fromYaml $document }}
{{- $metadata := $object.metadata }}
{{- $_ := set $metadata "labels" (merge (dict) (default (dict) $metadata.labels) $labels) }}
{{- with $annotations }}
{{- $_ := set $metadata "annotations" . }}
{{- end }}
---
{{ toYaml $object }}
{{- end }}
{{- end -}}

{{/* Constraints on spreading; those without a selector get one: (list CONSTRAINTS SELECTOR). */}}
{{- define "azwi.spread" -}}
{{- $selector := index . 1 -}}
{{- $constraints := list -}}
{{- range index . 0 }}
{{- $constraints = append $constraints (merge (dict) . (dict "labelSelector" (dict "matchLabels" $selector))) }}
{{- end }}
{{- toYaml $constraints }}
{{- end -}}

{{/* The restricted Pod Security Standard, and no writing. */}}
{{- define "azwi.containerSecurity" -}}
allowPrivilegeEscalation: false
capabilities:
  drop: [ALL]
readOnlyRootFilesystem: true
runAsGroup: 65532
runAsNonRoot: true
runAsUser: 65532
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "azwi.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{/* The port of an address such as :8095. */}}
{{- define "azwi.port" -}}
{{- . | toString | splitList ":" | last -}}
{{- end -}}

{{/* What is said is said: 0 counts, unless the other one is said too (as the original's users do). */}}
{{- define "azwi.budget" -}}
{{- $unavailable := .maxUnavailable | toString -}}
{{- if not (has $unavailable (list "<nil>" "")) -}}
maxUnavailable: {{ .maxUnavailable }}
{{- else if not (has (.minAvailable | toString) (list "<nil>" "")) -}}
minAvailable: {{ .minAvailable }}
{{- end -}}
{{- end -}}
