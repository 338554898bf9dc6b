{{/*
Names are the original's, so that its release is upgraded in place: the Deployment's selector can't be
changed, and what has another name would be made anew beside the old.
*/}}
{{- define "azwi.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* What selects the webhook's pods. */}}
{{- define "azwi.selector" -}}
{{- $name := include "azwi.name" . -}}
{{- dict "app" $name "azure-workload-identity.io/system" "true" "chart" $name "release" .Release.Name | toYaml -}}
{{- end -}}

{{/* What selects the controller's pods: another app, since the webhook's Service must not find them. */}}
{{- define "azwi.controller.selector" -}}
{{- dict "app" "azwi-controller" "azure-workload-identity.io/system" "true" "release" .Release.Name | toYaml -}}
{{- end -}}

{{/* On every object. */}}
{{- define "azwi.labels" -}}
{{- include "azwi.labelled" (list . "azwi.selector") -}}
{{- end -}}

{{- define "azwi.controller.labels" -}}
{{- include "azwi.labelled" (list . "azwi.controller.selector") -}}
{{- end -}}

{{/* (list $ SELECTOR): with commonLabels, of which none takes the place of ours. */}}
{{- define "azwi.labelled" -}}
{{- $root := index . 0 -}}
{{- $ours := dict
  "app.kubernetes.io/managed-by" $root.Release.Service
  "app.kubernetes.io/version" $root.Chart.AppVersion
  "helm.sh/chart" (printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_") -}}
{{- include "azwi.merged" (list (include (index . 1) $root | fromYaml) $ours $root.Values.commonLabels) -}}
{{- end -}}

{{/*
The labels of pods: (list $ SELECTOR PODLABELS). What the selector asks for can't be taken away by a
label of the user's; the chart's version is left out, or each release would restart the pods.
*/}}
{{- define "azwi.podLabels" -}}
{{- $root := index . 0 -}}
{{- include "azwi.merged" (list (include (index . 1) $root | fromYaml) (index . 2) $root.Values.commonLabels) -}}
{{- end -}}

{{/* Maps of strings as one, the first wins, as YAML: what is null is nothing. */}}
{{- define "azwi.merged" -}}
{{- $merged := dict -}}
{{- range $map := . }}
{{- range $key, $value := $map | default dict }}
{{- if not (or (hasKey $merged $key) (kindIs "invalid" $value)) }}
{{- $_ := set $merged $key $value }}
{{- end }}
{{- end }}
{{- end }}
{{- if $merged }}
{{- toYaml $merged -}}
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
{{- $annotations := .annotations | default dict -}}
{{- $text := $root.Files.Get (printf "files/%s" .file)
    | replace "azure-workload-identity-system" $root.Release.Namespace
    | replace "api://AzureADTokenExchange" (include "azwi.audience" $root) -}}
{{- $labels := include "azwi.controller.labels" $root | fromYaml -}}
{{- range $document := regexSplit "(?m)^---$" $text -1 }}
{{- $object := fromYaml $document }}
{{- $metadata := $object.metadata }}
{{- $_ := set $metadata "labels" (merge (dict) (default (dict) $metadata.labels) $labels) }}
{{- with merge (dict) $annotations (default (dict) $metadata.annotations) }}
{{- $_ := set $metadata "annotations" . }}
{{- end }}
---
{{ toYaml $object }}
{{- end }}
{{- end -}}

{{/* Of projected tokens and of federated credentials. */}}
{{- define "azwi.audience" -}}
{{- .Values.audience | default "api://AzureADTokenExchange" -}}
{{- end -}}
