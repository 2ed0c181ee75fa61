{{- /* The Secret with cookie-secret, proxy-token and crypt-key. */}}
{{- define "spark-notebooks.hubSecretName" -}}
{{ .Values.hub.existingSecret | default (printf "%s-hub" (include "spark-notebooks.fullname" .)) }}
{{- end }}

{{- /* The Secret with access-key and secret-key. */}}
{{- define "spark-notebooks.s3SecretName" -}}
{{ .Values.s3.credentials.existingSecret | default (printf "%s-s3" (include "spark-notebooks.fullname" .)) }}
{{- end }}

{{- /*
  64 hexadecimal digits, base64-encoded: those that the Secret in the cluster already has under this key, else new ones.
  `lookup` finds nothing where the chart is rendered without a cluster. Takes (list $ secret key).
*/}}
{{- define "spark-notebooks.keptKey" -}}
{{- $secret := lookup "v1" "Secret" (index . 0).Release.Namespace (index . 1) | default dict -}}
{{ dig "data" (index . 2) "" $secret | default (randAlphaNum 64 | sha256sum | b64enc) }}
{{- end }}
