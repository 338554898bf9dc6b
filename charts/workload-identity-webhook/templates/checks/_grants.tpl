{{/* A rule without resourceNames grants every identity: that must not come of something left out. */}}
{{- define "azwi.faults.grants" -}}
{{- $seen := dict }}
{{- range $index, $grant := .Values.grants }}
{{- $who := ternary "*" ($grant.serviceAccountName | default "?") ($grant.allServiceAccounts | default false) }}
{{- $where := printf "grants[%d] (%s/%s)" $index $grant.namespace $who }}
{{- if and (not $grant.allIdentities) (not $grant.clientIds) }}
{{ $where }}: clientIds is empty; expected at least one, since a rule without resourceNames grants every identity (allIdentities: true, if that is meant)
{{- else if and $grant.allIdentities $grant.clientIds }}
{{ $where }}: both clientIds and allIdentities; expected one of them
{{- end }}
{{- if and $grant.serviceAccountName $grant.allServiceAccounts }}
{{ $where }}: both serviceAccountName and allServiceAccounts; expected one of them
{{- else if eq $who "?" }}
{{ $where }}: serviceAccountName is empty; expected one (allServiceAccounts: true, if all of the namespace are meant)
{{- else if hasKey $seen (print $grant.namespace "/" $who) }}
{{ $where }}: the same as grants[{{ get $seen (print $grant.namespace "/" $who) }}]; expected one entry, with the clientIds of both
{{- end }}
{{- if and (has "federate-external" ($grant.verbs | default list)) (not $grant.allServiceAccounts) }}
{{ $where }}: the verb federate-external is asked of all ServiceAccounts of the namespace, and would grant nothing here; expected allServiceAccounts: true, in an entry of its own
{{- end }}
{{- $_ := set $seen (print $grant.namespace "/" $who) $index }}
{{- end }}
{{- end -}}
