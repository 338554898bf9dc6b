{{/* The controller's arguments, by where they come from. */}}
{{- define "azwi.controller.args" -}}
{{- $credentials := "/var/run/secrets/azwi/credentials" -}}
{{- with .Values.controller -}}
{{- $flags := list (list "tenant-id" (.tenantId | default $.Values.azureTenantID)) -}}
{{- $flags = concat $flags (list
  (list "cloud" (include "azwi.cloud" $))
  (list "authority-host" $.Values.azureAuthorityHost)
  (list "audience" (include "azwi.audience" $))
  (list "sign-in" .signIn)
  (list "client-id" (lower .clientId))) -}}
{{- if eq .signIn "workload-identity" -}}
{{- $flags = append $flags (list "token-file" "/var/run/secrets/azwi/token/token") -}}
{{- else if eq .signIn "client-secret" -}}
{{- $flags = append $flags (list "client-secret-file" (print $credentials "/client-secret")) -}}
{{- else if eq .signIn "certificate" -}}
{{- $flags = append $flags (list "certificate-file" (print $credentials "/certificate.pem")) -}}
{{- end -}}
{{- $flags = concat $flags (list
  (list "subscriptions" (join "," .subscriptions))
  (list "graph-url" .endpoints.graphUrl)
  (list "resource-manager-url" .endpoints.resourceManagerUrl)
  (list "graph-audience" .endpoints.graphAudience)
  (list "resource-manager-audience" .endpoints.resourceManagerAudience)
  (list "ca-file" (ternary "/var/run/secrets/azwi/ca/ca.crt" "" (not (empty .endpoints.caConfigMapName))))
  (list "rate-factor" .rateFactor)
  (list "issuer" .issuer)) -}}
{{- if .acceptIssuerChange -}}
{{- $flags = append $flags (list "accept-issuer-change" "true") -}}
{{- end -}}
{{- $flags = concat $flags (list
  (list "slots-per-namespace" (int .slotsPerNamespace))
  (list "watch-grants" .watchGrants)
  (list "resolve-resource-ids" .resolveResourceIds)) -}}
{{- if .probe.namespaces -}}
{{- $flags = concat $flags (list
  (list "probe-namespaces" (ternary "*" (join "," .probe.namespaces) (has "*" .probe.namespaces)))
  (list "probe-scope" .probe.scope)
  (list "probe-interval" .probe.interval)) -}}
{{- end -}}
{{- $flags = concat $flags (list
  (list "resync-interval" .intervals.resync)
  (list "drift-interval" .intervals.drift)
  (list "denial-interval" .intervals.denial)
  (list "metrics-addr" .metricsAddr)
  (list "log-level" .logLevel)) -}}
{{- range $flags }}
{{- if ne (index . 1 | toString) "" }}
{{ include "azwi.flag" . }}
{{- end }}
{{- end }}
{{- range .extraArgs }}
- {{ toJson . }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "azwi.controller.mounts" -}}
{{- with .Values.controller }}
{{- if eq .signIn "workload-identity" }}
- name: token
  mountPath: /var/run/secrets/azwi/token
  readOnly: true
{{- end }}
{{- if .credentialsSecretName }}
- name: credentials
  mountPath: /var/run/secrets/azwi/credentials
  readOnly: true
{{- end }}
{{- if .endpoints.caConfigMapName }}
- name: ca
  mountPath: /var/run/secrets/azwi/ca
  readOnly: true
{{- end }}
{{- with .extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}
{{- end -}}

{{/* The token is projected here, not injected: the controller must not need the webhook. */}}
{{- define "azwi.controller.volumes" -}}
{{- with .Values.controller }}
{{- if eq .signIn "workload-identity" }}
- name: token
  projected:
    sources:
      - serviceAccountToken:
          audience: {{ include "azwi.audience" $ | toJson }}
          expirationSeconds: 3600
          path: token
{{- end }}
{{- with .credentialsSecretName }}
- name: credentials
  secret:
    secretName: {{ toJson . }}
    defaultMode: 288
{{- end }}
{{- with .endpoints.caConfigMapName }}
- name: ca
  configMap:
    name: {{ toJson . }}
{{- end }}
{{- with .extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}
{{- end -}}
