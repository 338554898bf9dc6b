{{- define "azwi.faults.webhook" -}}
{{- $values := .Values }}
{{- if not $values.azureTenantID }}
azureTenantID is empty; expected the id of the tenant whose identities pods get: --set azureTenantID=...
{{- end }}
{{- if and (not (include "azwi.cloud" $)) (not $values.azureAuthorityHost) }}
azureEnvironment is {{ quote $values.azureEnvironment }}; expected AzurePublicCloud, AzureUSGovernmentCloud, AzureChinaCloud or AzureGermanCloud. Another cloud needs azureAuthorityHost
{{- end }}
{{- if regexMatch "^mcr\\.microsoft\\.com/oss/(v2/)?azure/workload-identity/webhook$" $values.image.repository }}
image.repository is {{ $values.image.repository }}, the original's image, which takes other flags; expected this chart's. After the original's chart its values came along: --set image.repository={{ (.Files.Get "files/defaults.yaml" | fromYaml).image.repository }} --set image.release=""
{{- end }}
{{- include "azwi.faults.resources" (dict "where" "resources" "resources" $values.resources "least" "96Mi"
  "advice" ". After the original's chart its values came along: --set resources.limits.memory=256Mi") }}
{{- include "azwi.faults.budget" (list "podDisruptionBudget" $values.podDisruptionBudget) }}
{{- if lt (int $values.terminationGracePeriodSeconds) 30 }}
terminationGracePeriodSeconds is {{ $values.terminationGracePeriodSeconds }}; expected at least 30 (35 is the default): an ending pod still answers for 25 s, or reviews under way fail
{{- end }}
{{- $ports := list (list "metricsAddr" (include "azwi.port" $values.metricsAddr)) (list "service.targetPort" (int $values.service.targetPort | toString)) }}
{{- range $ports }}
{{- if eq (index . 1) "9440" }}
{{ index . 0 }} is port 9440, where health is told; expected another one
{{- end }}
{{- end }}
{{- if eq (index $ports 0 1) (index $ports 1 1) }}
metricsAddr and service.targetPort are both port {{ index $ports 0 1 }}; expected two
{{- end }}
{{- with $values.autoscaling }}
{{- if .enabled }}
{{- if lt (int .maxReplicas) (int .minReplicas) }}
autoscaling.maxReplicas is {{ int .maxReplicas }}, less than minReplicas {{ int .minReplicas }}; expected no less than that
{{- end }}
{{- if not (dig "requests" "cpu" "" ($values.resources | toJson | fromJson)) }}
autoscaling.enabled goes by the CPU that is requested, and resources.requests.cpu is not set; expected one, such as 100m
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* azureEnvironment, where it is one of the clouds by its name, in any letter case; else nothing. */}}
{{- define "azwi.cloud" -}}
{{- $known := list "azurepubliccloud" "azureusgovernmentcloud" "azurechinacloud" "azuregermancloud" "azurecloud" "azureusgovernment" -}}
{{- if has (lower .Values.azureEnvironment) $known -}}
{{- .Values.azureEnvironment -}}
{{- end -}}
{{- end -}}

{{/* (list WHERE BUDGET) */}}
{{- define "azwi.faults.budget" -}}
{{- $where := index . 0 }}
{{- $least := include "azwi.count" (index . 1).minAvailable }}
{{- $most := include "azwi.count" (index . 1).maxUnavailable }}
{{- $nothing := list "" "0" (toJson "0%") }}
{{- if not (or (has $least $nothing) (has $most $nothing)) }}
{{ $where }} has both minAvailable {{ $least }} and maxUnavailable {{ $most }}; expected one of them, the other null
{{- end }}
{{- end -}}

{{- define "azwi.faults.certificate" -}}
{{- with .Values.certManager }}
{{- if and .caBundle (not .enabled) }}
certManager.caBundle goes with certManager.enabled: true; without it the webhook writes its own
{{- end }}
{{- if and .caBundle (not (regexMatch "(?s)-----BEGIN CERTIFICATE-----\\s+[A-Za-z0-9+/=\\s]+-----END CERTIFICATE-----" .caBundle)) }}
certManager.caBundle holds no certificate; expected PEM, -----BEGIN CERTIFICATE----- and so on, as it stands (not in base64 once more): --set-file certManager.caBundle=ca.crt
{{- end }}
{{- if contains "PRIVATE KEY" (.caBundle | default "") }}
certManager.caBundle holds a private key; expected certificates only. Everybody can read it in the MutatingWebhookConfiguration, and in Helm's Secret: make a new key
{{- end }}
{{- $issuer := .issuerRef | default dict }}
{{- if and (or $issuer.kind $issuer.group) (not $issuer.name) }}
certManager.issuerRef has no name; expected {name, kind, group} of an issuer, or {} for a CA that the chart makes
{{- end }}
{{- if ge (include "azwi.seconds" .renewBefore | float64) (include "azwi.seconds" .duration | float64) }}
certManager.renewBefore is {{ .renewBefore }}; expected less than the duration, {{ .duration }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "azwi.faults.endpoint" -}}
{{- with .Values.customTokenEndpoint }}
{{- if and .annotationSuffix (not .audience) }}
customTokenEndpoint.annotationSuffix is set and audience is not; expected both, or none
{{- else if and .audience (not .annotationSuffix) }}
customTokenEndpoint.audience is set and annotationSuffix is not; expected both, or none
{{- end }}
{{- $ways := list }}
{{- range $name := list "azureKubernetesCaData" "azureKubernetesCAConfigMapName" "azureKubernetesCACTBSignerName" }}
{{- if index $.Values.customTokenEndpoint $name }}
{{- $ways = append $ways $name }}
{{- end }}
{{- end }}
{{- if gt (len $ways) 1 }}
customTokenEndpoint has {{ join " and " $ways }}; expected the authorities in one way only
{{- end }}
{{- if and .azureKubernetesCACTBLabelSelector (not .azureKubernetesCACTBSignerName) }}
customTokenEndpoint.azureKubernetesCACTBLabelSelector goes with azureKubernetesCACTBSignerName, which is not set
{{- end }}
{{- end }}
{{- end -}}
