{{/*
A quantity as a plain number: 256Mi is 268435456, 100m is 0.1; nothing where there is none. Source:
https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
*/}}
{{- define "azwi.quantity" -}}
{{- $units := dict "" 1.0 "n" 1e-9 "u" 1e-6 "m" 1e-3 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "P" 1e15 "E" 1e18
  "Ki" 1024.0 "Mi" 1048576.0 "Gi" 1073741824.0 "Ti" 1099511627776.0 "Pi" 1125899906842624.0 "Ei" 1152921504606846976.0 -}}
{{- $text := . | toString -}}
{{- $suffix := regexFind "[a-zA-Z]+$" $text -}}
{{- if has $text (list "" "<nil>") -}}
{{- else if hasKey $units $suffix -}}
{{- mulf (trimSuffix $suffix $text | float64) (get $units $suffix) -}}
{{- else -}}
{{- float64 $text -}}
{{- end -}}
{{- end -}}

{{/*
The seconds of a duration of Go's, as 90s or 1h30m; nothing where there is none. Source:
https://pkg.go.dev/time#ParseDuration
*/}}
{{- define "azwi.seconds" -}}
{{- $units := dict "ns" 1e-9 "us" 1e-6 "ms" 1e-3 "s" 1.0 "m" 60.0 "h" 3600.0 -}}
{{- $seconds := 0.0 -}}
{{- range $part := regexFindAll "[0-9.]+(ns|us|ms|s|m|h)" (. | toString) -1 -}}
{{- $unit := regexFind "[a-z]+$" $part -}}
{{- $seconds = addf $seconds (mulf (trimSuffix $unit $part | float64) (get $units $unit)) -}}
{{- end -}}
{{- $seconds -}}
{{- end -}}

{{/* (dict "where" VALUE "resources" RESOURCES "least" QUANTITY "advice" WORDS) */}}
{{- define "azwi.faults.resources" -}}
{{- $where := .where -}}
{{- $limits := .resources.limits | default dict -}}
{{- $requests := .resources.requests | default dict -}}
{{- with include "azwi.quantity" $limits.memory -}}
{{- if lt (float64 .) (include "azwi.quantity" $.least | float64) }}
{{ $where }}.limits.memory is {{ $limits.memory }}; expected at least {{ $.least }}, or the process is killed at its start{{ $.advice }}
{{- end }}
{{- end }}
{{- range $name, $request := $requests }}
{{- $limit := get $limits $name }}
{{- if and (include "azwi.quantity" $request) (include "azwi.quantity" $limit) }}
{{- if gt (include "azwi.quantity" $request | float64) (include "azwi.quantity" $limit | float64) }}
{{ $where }}.requests.{{ $name }} is {{ $request }}, more than the limit {{ $limit }}; expected no more than that
{{- end }}
{{- end }}
{{- end }}
{{- end -}}
