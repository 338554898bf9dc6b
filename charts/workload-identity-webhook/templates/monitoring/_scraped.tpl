{{/*
What has metrics, as {"scraped": [...]}: `name` of the objects about it, `part`, and `names`, the
prefix of the templates that have its labels and its selector.
*/}}
{{- define "azwi.scraped" -}}
scraped:
{{- if include "azwi.hasMetrics" .Values.metricsAddr }}
  - {name: azure-wi-webhook, part: webhook, names: azwi, port: {{ include "azwi.port" .Values.metricsAddr }}}
{{- end }}
{{- if and .Values.controller.enabled (include "azwi.hasMetrics" .Values.controller.metricsAddr) }}
  - {name: azwi-controller, part: controller, names: azwi.controller, port: {{ include "azwi.port" .Values.controller.metricsAddr }}}
{{- end }}
{{- end -}}

{{/* Whether there is anything to scrape, by an address: empty if not. */}}
{{- define "azwi.hasMetrics" -}}
{{- if not (has (. | toString) (list "0" "" "<nil>")) }}true{{ end -}}
{{- end -}}

{{/*
Labels with the user's, which win, as what looks for monitors and rules often asks for `release`:
(list $ "azwi.labels" LABELS).
*/}}
{{- define "azwi.labelsWith" -}}
{{- include "azwi.merged" (list (index . 2) (include (index . 1) (index . 0) | fromYaml)) -}}
{{- end -}}

{{/*
One endpoint of a PodMonitor or a ServiceMonitor. honorLabels: azwi_mutation_request has a label
`namespace` of its own, as the original's, which is the pod's, and not where the webhook runs.
*/}}
{{- define "azwi.endpoint" -}}
port: metrics
path: /metrics
honorLabels: true
{{- with .interval }}
interval: {{ toJson . }}
{{- end }}
{{- end -}}
