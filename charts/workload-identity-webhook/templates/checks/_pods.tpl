{{/* What the user adds to pods must not take the place of what the chart has there. */}}
{{- define "azwi.faults.pods" -}}
{{- $values := .Values }}
{{- include "azwi.faults.added" (dict "where" "" "values" $values "env" (list "POD_NAMESPACE") "volumes" (list "cert") "paths" (list "/certs")) }}
{{- include "azwi.faults.injected" (list "podLabels" $values.podLabels) }}
{{- include "azwi.faults.injected" (list "commonLabels" $values.commonLabels) }}
{{- with $values.controller }}
{{- include "azwi.faults.added" (dict "where" "controller." "values" . "env" (list "POD_NAME" "POD_NAMESPACE")
  "volumes" (list "token" "credentials" "ca")
  "paths" (list "/var/run/secrets/azwi/token" "/var/run/secrets/azwi/credentials" "/var/run/secrets/azwi/ca")) }}
{{- include "azwi.faults.injected" (list "controller.podLabels" .podLabels) }}
{{- end }}
{{- end -}}

{{/* (dict "where" PREFIX "values" VALUES "env" NAMES "volumes" NAMES "paths" PATHS) */}}
{{- define "azwi.faults.added" -}}
{{- $where := .where }}
{{- $lists := list
  (list "extraEnv" "name" .env .values.extraEnv)
  (list "extraVolumes" "name" .volumes .values.extraVolumes)
  (list "extraVolumeMounts" "mountPath" .paths .values.extraVolumeMounts) }}
{{- range $lists }}
{{- $key := index . 0 }}
{{- $field := index . 1 }}
{{- $taken := index . 2 }}
{{- $seen := list }}
{{- range $index, $entry := index . 3 }}
{{- $name := index $entry $field | trimSuffix "/" }}
{{- if has $name $taken }}
{{ $where }}{{ $key }}[{{ $index }}].{{ $field }} is {{ quote $name }}, which the chart has itself; expected another one
{{- else if has $name $seen }}
{{ $where }}{{ $key }}[{{ $index }}].{{ $field }} is {{ quote $name }}, as one before it; expected each once
{{- end }}
{{- $seen = append $seen $name }}
{{- end }}
{{- end }}
{{- end -}}

{{/* (list WHERE LABELS) */}}
{{- define "azwi.faults.injected" -}}
{{- if hasKey (index . 1 | default dict) "azure.workload.identity/use" }}
{{ index . 0 }} has azure.workload.identity/use; expected none: the pods here must start while no webhook answers, and need no identity from it
{{- end }}
{{- end -}}
