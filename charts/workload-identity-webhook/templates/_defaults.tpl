{{/*
Values that are not there get their defaults; every template begins by including this. There are two
ways to come without: null, and an upgrade with --reuse-values, for which Helm takes the values of the
release before in the place of values.yaml. After the original's chart that is none of ours.

null means something of its own for lists and free maps (none), for the two numbers of a disruption
budget (the other one counts) and for a priority class (none): these get their defaults only where
the release before was the original's, or the block around them is not there.
*/}}
{{- define "azwi.defaults" -}}
{{- if not (hasKey .Values "azwi.filled") -}}
{{- $defaults := .Files.Get "files/defaults.yaml" | fromYaml -}}
{{- include "azwi.fill" (dict "values" .Values "defaults" $defaults "all" (not (hasKey .Values "controller"))) -}}
{{- $_ := set .Values "azwi.filled" true -}}
{{- end -}}
{{- end -}}

{{/* (dict "values" MAP "defaults" MAP "all" whether null can't be meant); changes the values. */}}
{{- define "azwi.fill" -}}
{{- $values := .values -}}
{{- $all := .all -}}
{{- range $key, $default := .defaults -}}
{{- $absent := kindIs "invalid" (index $values $key) -}}
{{- if and (kindIs "map" $default) $default (not (has $key (list "nodeSelector" "resources" "labels" "privateKey"))) -}}
{{- if $absent -}}
{{- $_ := set $values $key dict -}}
{{- end -}}
{{- include "azwi.fill" (dict "values" (index $values $key) "defaults" $default "all" (or $all $absent)) -}}
{{- else if $absent -}}
{{- $told := or (kindIs "slice" $default) (kindIs "map" $default) (has $key (list "minAvailable" "maxUnavailable" "priorityClassName")) -}}
{{- $nothing := ternary list (ternary dict nil (kindIs "map" $default)) (kindIs "slice" $default) -}}
{{- $_ := set $values $key (ternary $default $nothing (or $all (not $told))) -}}
{{- end -}}
{{- end -}}
{{- end -}}
