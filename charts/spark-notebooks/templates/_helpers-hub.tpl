{{- /* URL of the S3 service as pods of all namespaces reach it; empty for AWS. */}}
{{- define "spark-notebooks.s3Endpoint" -}}
{{- if .Values.s3.embedded.enabled -}}
http://{{ include "spark-notebooks.fullname" . }}-s3.{{ .Release.Namespace }}.svc:7070
{{- else -}}
{{ .Values.s3.endpoint | default "" }}
{{- end }}
{{- end }}

{{- /* The hub's configuration as JSON: the values that the hub acts on, and no others, so that only these restart it. */}}
{{- define "spark-notebooks.hubValues" -}}
{{- $hub := pick .Values.hub "config" "baseUrl" "activeServerLimit" "concurrentSpawnLimit" "allowNamedServers" "namedServerLimitPerUser" "shutdownOnLogout" "templateVars" "loginLimit" -}}
{{- $_ := set $hub "https" (or .Values.proxy.https.enabled (and .Values.ingress.enabled (not (empty .Values.ingress.tls)))) -}}
{{- $_ := set $hub "db" (pick .Values.hub.db "type" "url") -}}
{{- $singleuser := omit .Values.singleuser "image" -}}
{{- $_ := set $singleuser "image" (include "spark-notebooks.taggedImage" (list . .Values.singleuser.image) | fromJson) -}}
{{- $s3 := pick .Values.s3 "region" "bucket" "prefix" "createBucket" "addresses" "trashDays" "versionDays" -}}
{{- $_ := set $s3 "endpoint" (include "spark-notebooks.s3Endpoint" . | default nil) -}}
{{- $credentials := pick .Values.s3.credentials "mode" -}}
{{- if eq $credentials.mode "serviceAccount" -}}
  {{- $_ := set $credentials "annotations" (omit .Values.s3.credentials.annotations "hub") -}}
  {{- $_ := set $credentials "tokenAudiences" .Values.s3.credentials.tokenAudiences -}}
{{- end -}}
{{- if include "spark-notebooks.tokens" . -}}
  {{- $_ := set $credentials "tokenService" (dict "url" (include "spark-notebooks.tokensUrl" .) "audience" (include "spark-notebooks.tokensAudience" .)) -}}
{{- end -}}
{{- $_ := set $s3 "credentials" $credentials -}}
{{- $_ := set $s3 "embedded" (pick .Values.s3.embedded "enabled") -}}
{{- $notices := dict "default" nil -}}
{{- if include "spark-notebooks.notices" . }}{{ $_ := set $notices "default" .Values.notices.default }}{{ end -}}
{{- dict
  "notices" $notices
  "release" (dict "name" .Release.Name "namespace" .Release.Namespace "fullname" (include "spark-notebooks.fullname" .) "version" .Chart.Version)
  "imagePullSecrets" (include "spark-notebooks.imagePullSecretNames" . | fromJsonArray)
  "hub" $hub
  "singleuser" $singleuser
  "workspace" .Values.workspace
  "tenancy" .Values.tenancy
  "s3" $s3
  "spark" .Values.spark
  "cull" .Values.cull
  | toJson }}
{{- end }}

{{- /* The path of the hub's pages, from baseUrl. */}}
{{- define "spark-notebooks.hubPath" -}}
{{ .Values.hub.baseUrl }}hub
{{- end }}
