{{/*
Our values, where an upgrade with --reuse-values came from the original's chart: Helm then takes that
release's values in the place of values.yaml, and none of ours is there. Whole blocks only: what is null
within one was taken away on purpose. Every template begins by including this.
*/}}
{{- define "azwi.defaults" -}}
{{- if not (hasKey .Values "controller") -}}
{{- $values := .Values -}}
{{- range $key, $value := .Files.Get "files/defaults.yaml" | fromYaml -}}
{{- if not (hasKey $values $key) -}}
{{- $_ := set $values $key $value -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
