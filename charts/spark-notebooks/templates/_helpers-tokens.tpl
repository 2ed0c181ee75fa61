{{- /* "true" if workspaces get their keys from the token service. */}}
{{- define "spark-notebooks.tokens" -}}
{{- if eq .Values.s3.credentials.mode "tokenService" }}true{{ end -}}
{{- end }}

{{- /* Audience of the tokens that it takes: its name, which no other service of the cluster has. */}}
{{- define "spark-notebooks.tokensAudience" -}}
{{ include "spark-notebooks.fullname" . }}-tokens.{{ .Release.Namespace }}
{{- end }}

{{- /* Its URL, as pods of all namespaces reach it. */}}
{{- define "spark-notebooks.tokensUrl" -}}
http://{{ include "spark-notebooks.tokensAudience" . }}.svc:8082
{{- end }}

{{- /* The Secret with the keys by which it makes others; the embedded server's root keys, where that is used. */}}
{{- define "spark-notebooks.tokensSecretName" -}}
{{ .Values.tokenService.existingSecret | default (include "spark-notebooks.s3SecretName" .) }}
{{- end }}

{{- /* The most that anybody has of a shared folder ("read" or "write"), by its prefix, as JSON. */}}
{{- define "spark-notebooks.tokensShares" -}}
{{- $shares := dict -}}
{{- range .Values.singleuser.sharedFolders -}}
  {{- $prefix := trimAll "/" .prefix -}}
  {{- $access := .access | default "read" -}}
  {{- if or (eq $access "write") (not (hasKey $shares $prefix)) -}}
    {{- $_ := set $shares $prefix $access -}}
  {{- end -}}
{{- end -}}
{{- toJson $shares }}
{{- end }}

{{- /* Prefixes of the shared workspaces, as JSON. */}}
{{- define "spark-notebooks.tokensWorkspaces" -}}
{{- $prefixes := list -}}
{{- range .Values.tenancy.workspaces -}}
  {{- $prefixes = append $prefixes (trimAll "/" .prefix) -}}
{{- end -}}
{{- toJson $prefixes }}
{{- end }}

{{- /* Its configuration as JSON. */}}
{{- define "spark-notebooks.tokensConfig" -}}
{{- $settings := dict
  "audience" (include "spark-notebooks.tokensAudience" .)
  "hub" (include "spark-notebooks.hubIdentity" .)
  "bucket" .Values.s3.bucket
  "roots" (list .Values.s3.prefix)
  "shares" (include "spark-notebooks.tokensShares" . | fromJson)
  "workspaces" (include "spark-notebooks.tokensWorkspaces" . | fromJsonArray)
  "region" .Values.s3.region
  "partition" .Values.tokenService.partition
  "minting" .Values.tokenService.minting
  "endpoint" .Values.tokenService.endpoint
  "role_arn" .Values.tokenService.roleArn
  "lifetime" (int .Values.tokenService.lifetime)
-}}
{{- if .Values.s3.embedded.enabled -}}
  {{- $_ := set $settings "minting" "iamUsers" -}}
  {{- $_ := set $settings "endpoint" (printf "http://%s-s3.%s.svc:7071" (include "spark-notebooks.fullname" .) .Release.Namespace) -}}
{{- end -}}
{{- dict "TokenServiceApp" $settings | toJson }}
{{- end }}
