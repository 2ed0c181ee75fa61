{{- /* The hub's service account as the API server names it. */}}
{{- define "spark-notebooks.hubUser" -}}
system:serviceaccount:{{ .Release.Namespace }}:{{ include "spark-notebooks.fullname" . }}-hub
{{- end }}

{{- /* The installation as the hub writes it into an annotation of its workspaces. */}}
{{- define "spark-notebooks.hubIdentity" -}}
{{ .Release.Namespace }}/{{ include "spark-notebooks.fullname" . }}
{{- end }}

{{- /* The same as a label, by which policies find the workspaces: a label cannot hold all of it, so a part of its hash stands for the namespace. */}}
{{- define "spark-notebooks.hubLabel" -}}
{{ include "spark-notebooks.fullname" . }}-{{ include "spark-notebooks.hubIdentity" . | sha256sum | trunc 8 }}
{{- end }}

{{- /* Binds a policy to every workspace of this release. Takes (list $ "name"). */}}
{{- define "spark-notebooks.policyBinding" -}}
{{- $root := index . 0 -}}
{{- $name := printf "%s-workspace-%s" (include "spark-notebooks.fullname" $root) (index . 1) -}}
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: {{ $name }}
  labels:
    {{- include "spark-notebooks.labels" (list $root "workspace") | nindent 4 }}
spec:
  policyName: {{ $name }}
  validationActions: [Deny]
  matchResources:
    namespaceSelector:
      matchLabels:
        spark-notebooks.io/hub: {{ include "spark-notebooks.hubLabel" $root }}
{{- end }}

{{- /* Who makes the pods of Jobs: Kubernetes' controllers have accounts of their own, or one for all. A list in CEL. */}}
{{- define "spark-notebooks.jobControllers" -}}
['system:serviceaccount:kube-system:job-controller', 'system:kube-controller-manager']
{{- end }}

{{- /* Who makes the Jobs of CronJobs, in the same way. */}}
{{- define "spark-notebooks.cronJobControllers" -}}
['system:serviceaccount:kube-system:cronjob-controller', 'system:kube-controller-manager']
{{- end }}
