{{- /* The chart's name in names and labels. */}}
{{- define "spark-notebooks.name" -}}
{{ .Values.nameOverride | default .Chart.Name }}
{{- end }}

{{- /*
  What all objects' names begin with. 48 characters leave room for the longest suffix and the pod template's hash
  within the 63 of a label.
*/}}
{{- define "spark-notebooks.fullname" -}}
{{- $name := include "spark-notebooks.name" . -}}
{{- $fullname := .Release.Name -}}
{{- if .Values.fullnameOverride -}}
  {{- $fullname = .Values.fullnameOverride -}}
{{- else if not (contains $name .Release.Name) -}}
  {{- $fullname = printf "%s-%s" .Release.Name $name -}}
{{- end -}}
{{ $fullname | trunc 48 | trimSuffix "-" }}
{{- end }}

{{- /* What a Deployment finds its pods by. Never changes during a release's life. Takes (list $ "component"). */}}
{{- define "spark-notebooks.selectorLabels" -}}
{{- $root := first . -}}
app.kubernetes.io/name: {{ include "spark-notebooks.name" $root }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ last . }}
{{- end }}

{{- /* Labels of every object but pods, which would restart at each new version. Takes (list $ "component"). */}}
{{- define "spark-notebooks.labels" -}}
{{- $root := first . -}}
{{ include "spark-notebooks.selectorLabels" . }}
app.kubernetes.io/part-of: spark-notebooks
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name ($root.Chart.Version | replace "+" "_") }}
{{- end }}
