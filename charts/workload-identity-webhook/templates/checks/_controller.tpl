{{- define "azwi.faults.controller" -}}
{{- with .Values.controller }}
{{- if .enabled }}
{{- $tenant := .tenantId | default $.Values.azureTenantID | default "" }}
{{- if and $tenant (not (regexMatch "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$" $tenant)) }}
controller.tenantId is empty and azureTenantID is {{ quote $tenant }}, a name; expected the tenant's id, a UUID, in controller.tenantId: az account show --query tenantId
{{- end }}
{{- if and (ne .signIn "managed-identity") (not .clientId) }}
controller.clientId is empty; expected the client id of the identity that the controller signs in as, with controller.signIn={{ .signIn }}
{{- end }}
{{- if and (has .signIn (list "client-secret" "certificate")) (not .credentialsSecretName) }}
controller.credentialsSecretName is empty; expected the name of a Secret in {{ $.Release.Namespace }} with the key {{ ternary "client-secret" "certificate.pem" (eq .signIn "client-secret") }}, with controller.signIn={{ .signIn }}
{{- end }}
{{- if not (include "azwi.cloud" $) }}
{{- range $name := list "graphUrl" "resourceManagerUrl" }}
{{- if not (index $.Values.controller.endpoints $name) }}
controller.endpoints.{{ $name }} is empty and azureEnvironment is {{ quote $.Values.azureEnvironment }}; expected the URL, as that cloud is not known{{ ternary " (none: there is no Graph)" "" (eq $name "graphUrl") }}
{{- end }}
{{- end }}
{{- end }}
{{- if regexMatch "^https://[^/]+/." ($.Values.azureAuthorityHost | default "") }}
azureAuthorityHost is {{ $.Values.azureAuthorityHost }}; expected https://host without a path, for the controller
{{- end }}
{{- include "azwi.faults.resources" (dict "where" "controller.resources" "resources" .resources "least" "128Mi"
  "advice" " (512Mi is the default)") }}
{{- include "azwi.faults.budget" (list "controller.podDisruptionBudget" .podDisruptionBudget) }}
{{- if eq (include "azwi.port" .metricsAddr) "9440" }}
controller.metricsAddr is port 9440, where health is told; expected another one
{{- end }}
{{- $probed := .probe.namespaces }}
{{- if has "kube-system" $probed }}
controller.probe.namespaces has kube-system; expected others: nobody is to have the tokens of its ServiceAccounts
{{- end }}
{{- if and (has "*" $probed) (gt (len $probed) 1) }}
controller.probe.namespaces has "*" and others; expected ["*"] alone, or names
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* As the controller checks them at its start: a withdrawal is to take 5 minutes at most. */}}
{{- define "azwi.faults.intervals" -}}
{{- with .Values.controller }}
{{- if .enabled }}
{{- $resync := include "azwi.seconds" .intervals.resync | float64 }}
{{- $denial := include "azwi.seconds" .intervals.denial | float64 }}
{{- if lt $resync 60.0 }}
controller.intervals.resync is {{ .intervals.resync }}; expected at least 1m
{{- end }}
{{- if lt $denial 60.0 }}
controller.intervals.denial is {{ .intervals.denial }}; expected at least 60s: it may only be raised
{{- end }}
{{- if gt (addf $resync $denial) 270.0 }}
controller.intervals.resync {{ .intervals.resync }} and denial {{ .intervals.denial }} are too long; expected at most 4m30s together, so that a withdrawn grant is gone within 5 minutes
{{- end }}
{{- if lt (include "azwi.seconds" .intervals.drift | float64) $resync }}
controller.intervals.drift is {{ .intervals.drift }}; expected no less than resync, {{ .intervals.resync }}
{{- end }}
{{- if lt (include "azwi.seconds" .probe.interval | float64) 600.0 }}
controller.probe.interval is {{ .probe.interval }}; expected at least 10m
{{- end }}
{{- end }}
{{- end }}
{{- end -}}
