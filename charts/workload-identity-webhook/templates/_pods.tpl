{{/* Constraints on spreading; those without a selector get one: (list CONSTRAINTS SELECTOR). */}}
{{- define "azwi.spread" -}}
{{- $ours := dict "labelSelector" (dict "matchLabels" (index . 1)) -}}
{{- $constraints := list -}}
{{- range index . 0 }}
{{- if .labelSelector }}
{{- $constraints = append $constraints . }}
{{- else }}
{{- $constraints = append $constraints (merge (omit . "labelSelector") $ours) }}
{{- end }}
{{- end }}
{{- toYaml $constraints }}
{{- end -}}

{{/* Where pods run, of the values of the webhook or the controller: (list VALUES SELECTOR). */}}
{{- define "azwi.placement" -}}
{{- $values := index . 0 -}}
{{- with include "azwi.merged" (list $values.nodeSelector) }}
nodeSelector:
  {{- . | nindent 2 }}
{{- end }}
{{- range $key := list "tolerations" "affinity" }}
{{- with index $values $key }}
{{ $key }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- with $values.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- include "azwi.spread" (list . (index $ 1)) | nindent 2 }}
{{- end }}
{{- with $values.priorityClassName }}
priorityClassName: {{ toJson . }}
{{- end }}
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

{{/* Requests and limits; one that is null is none, and not 0 as the API server would take it. */}}
{{- define "azwi.resources" -}}
{{- $kept := dict -}}
{{- range $key, $value := . | default dict -}}
{{- $_ := set $kept $key (ternary (include "azwi.merged" (list $value) | fromYaml) $value (kindIs "map" $value)) -}}
{{- end -}}
{{- toYaml $kept -}}
{{- end -}}

{{/* One argument: (list FLAG VALUE), quoted, so that nothing in the value is read as YAML. */}}
{{- define "azwi.flag" -}}
- {{ printf "--%s=%s" (index . 0) (index . 1 | toString) | toJson }}
{{- end -}}

{{/* The port of an address such as :8095. */}}
{{- define "azwi.port" -}}
{{- . | toString | splitList ":" | last -}}
{{- end -}}

{{/*
One of the two, as a budget can't have both. 0 counts, but not beside the other one: the original drops
it, and its users may have it beside minAvailable.
*/}}
{{- define "azwi.budget" -}}
{{- $least := include "azwi.count" .minAvailable -}}
{{- $most := include "azwi.count" .maxUnavailable -}}
{{- if and $most (or (not $least) (not (has $most (list "0" (toJson "0%"))))) -}}
maxUnavailable: {{ $most }}
{{- else if $least -}}
minAvailable: {{ $least }}
{{- end -}}
{{- end -}}

{{/* A number, also one in quotes, or a percentage; nothing where nothing is said. */}}
{{- define "azwi.count" -}}
{{- $text := . | toString -}}
{{- if hasSuffix "%" $text -}}
{{- toJson $text -}}
{{- else if not (has $text (list "" "<nil>")) -}}
{{- int . -}}
{{- end -}}
{{- end -}}
