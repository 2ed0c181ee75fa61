{{- /* "true" if anybody is told of the end of jobs. */}}
{{- define "spark-notebooks.notices" -}}
{{- if or .Values.notices.webhook.existingSecret .Values.notices.email.host }}true{{ end -}}
{{- end }}

{{- /* The service's configuration as JSON. */}}
{{- define "spark-notebooks.noticesConfig" -}}
{{- $email := .Values.notices.email -}}
{{- $settings := dict
  "hub" (include "spark-notebooks.hubIdentity" .)
  "namespace" .Release.Namespace
  "config_map" (printf "%s-notices" (include "spark-notebooks.fullname" .))
  "default" .Values.notices.default
  "ca_bundle" (.Values.notices.caBundle | default "")
-}}
{{- if $email.host -}}
  {{- $_ := merge $settings (dict
    "smtp_host" $email.host
    "smtp_port" (int $email.port)
    "smtp_encryption" $email.encryption
    "sender" ($email.sender | default "")
    "recipients" $email.recipients
  ) -}}
{{- end -}}
{{- dict "NoticesApp" $settings | toJson }}
{{- end }}

{{- /* Peers of a NetworkPolicy: networks, without the address at which clouds give out a node's credentials. Takes a list of CIDRs. */}}
{{- define "spark-notebooks.networkPeers" -}}
{{- range . }}
- ipBlock:
    cidr: {{ . | quote }}
    {{- if eq . "0.0.0.0/0" }}
    except: [169.254.0.0/16]
    {{- else if eq . "::/0" }}
    except: ["fe80::/10", "fd00:ec2::254/128"]
    {{- end }}
{{- end }}
{{- end }}

{{- /* The address of a host that is written as one, as a list of CIDRs; an empty list for a name. */}}
{{- define "spark-notebooks.addressOfHost" -}}
{{- if regexMatch "^[0-9]+(\\.[0-9]+){3}$" . }}{{ list (printf "%s/32" .) | toJson }}{{ else }}[]{{ end -}}
{{- end }}
