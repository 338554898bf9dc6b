{{/*
Whether another webhook of these names is in the cluster: they are the original's, so AKS's managed
add-on has them too. Helm's own words would be about labels, and about one object. Only what Helm reads
anyway is looked at, so that no further right is needed. Nothing is found where no cluster is asked
(helm template). What nobody owns is left to Helm: --take-ownership is for that.
*/}}
{{- define "azwi.faults.cluster" -}}
{{- $name := "azure-wi-webhook-mutating-webhook-configuration" }}
{{- with lookup "admissionregistration.k8s.io/v1" "MutatingWebhookConfiguration" "" $name }}
{{- $annotations := .metadata.annotations | default dict }}
{{- $release := get $annotations "meta.helm.sh/release-name" }}
{{- $namespace := get $annotations "meta.helm.sh/release-namespace" }}
{{- $serves := "" }}
{{- range .webhooks }}
{{- $serves = dig "clientConfig" "service" "namespace" "" . }}
{{- end }}
{{- if and $release (not (and (eq $release $.Release.Name) (eq $namespace $.Release.Namespace))) }}
The release {{ $release }} in the namespace {{ $namespace }} has the webhook already, and a cluster has one: upgrade that release (helm upgrade {{ $release }} ... --namespace {{ $namespace }}), or uninstall it first; until ours serves, pods are created without an identity then
{{- else if and (eq $serves "kube-system") (ne $.Release.Namespace "kube-system") }}
kube-system has a webhook of the same names, most likely AKS's managed add-on, and a cluster has one. Take the add-on out first: az aks update --resource-group <GROUP> --name <CLUSTER> --disable-workload-identity; until ours serves, pods are created without an identity then. Or leave webhooks to the add-on
{{- end }}
{{- end }}
{{- end -}}
