{{- /* Security context of every pod: what the Pod Security Standard `restricted` asks for. */}}
{{- define "spark-notebooks.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 1000
runAsGroup: 1000
fsGroup: 1000
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- /* Security context of every container. */}}
{{- define "spark-notebooks.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- /* An image value with its tag. Takes (list $ image). */}}
{{- define "spark-notebooks.taggedImage" -}}
{{- set (deepCopy (last .)) "tag" ((last .).tag | default (first .).Chart.AppVersion) | toJson }}
{{- end }}

{{- /* The fields image and imagePullPolicy of a container. Takes (list $ image). */}}
{{- define "spark-notebooks.image" -}}
{{- $image := include "spark-notebooks.taggedImage" . | fromJson -}}
image: {{ printf "%s:%s" $image.name $image.tag | quote }}
{{- with $image.pullPolicy }}
imagePullPolicy: {{ . }}
{{- end }}
{{- end }}

{{- /* The names of imagePullSecrets as a JSON list, whichever way they were written. */}}
{{- define "spark-notebooks.imagePullSecretNames" -}}
{{- $names := list -}}
{{- range .Values.imagePullSecrets -}}
  {{- if kindIs "string" . -}}
    {{- $names = append $names . -}}
  {{- else -}}
    {{- $names = append $names .name -}}
  {{- end -}}
{{- end -}}
{{ $names | toJson }}
{{- end }}

{{- /* Where a pod may run and how its images are pulled. Takes (list $ nodeSelector tolerations). */}}
{{- define "spark-notebooks.placement" -}}
{{- with include "spark-notebooks.imagePullSecretNames" (first .) | fromJsonArray }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
{{- with index . 1 }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with index . 2 }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* A list of environment variables from a map of NAME: text or NAME: {valueFrom: ...}. */}}
{{- define "spark-notebooks.environment" -}}
{{- range $name, $value := . }}
- name: {{ $name }}
  {{- if kindIs "string" $value }}
  value: {{ $value | quote }}
  {{- else }}
  {{- toYaml $value | nindent 2 }}
  {{- end }}
{{- end }}
{{- end }}

{{- /* An environment variable from a Secret. Takes (list name secret key). */}}
{{- define "spark-notebooks.secretVariable" -}}
- name: {{ index . 0 }}
  valueFrom:
    secretKeyRef:
      name: {{ index . 1 | quote }}
      key: {{ index . 2 }}
{{- end }}
