{{- /* A peer of a NetworkPolicy: the pods of a component of this release, in its namespace. Takes (list $ "component"). */}}
{{- define "spark-notebooks.componentPeer" -}}
- podSelector:
    matchLabels:
      {{- include "spark-notebooks.selectorLabels" . | nindent 6 }}
{{- end }}

{{- /* A peer: the pods of workspaces, notebooks only if a label is given. Takes (list podLabels). */}}
{{- define "spark-notebooks.workspacePeer" -}}
- namespaceSelector:
    matchLabels:
      app.kubernetes.io/managed-by: spark-notebooks
    matchExpressions:
      - key: spark-notebooks.io/workspace
        operator: Exists
  {{- with first . }}
  podSelector:
    matchLabels:
      {{- toYaml . | nindent 6 }}
  {{- end }}
{{- end }}

{{- /* Whether the proxy has the certificate itself; empty where not. */}}
{{- define "spark-notebooks.proxyServesHttps" -}}
{{- with .Values.proxy.https }}{{ if and .enabled (eq .type "secret") }}true{{ end }}{{ end -}}
{{- end }}

{{- /* The port by which browsers come to the proxy by https. */}}
{{- define "spark-notebooks.httpsPort" -}}
{{ eq .Values.proxy.service.type "NodePort" | ternary (.Values.proxy.service.nodePorts.https | default 443) 443 }}
{{- end }}

{{- /* The label that KubeSpawner gives notebooks, and the port on which they listen. */}}
{{- define "spark-notebooks.notebookLabels" -}}
component: singleuser-server
{{- end }}
{{- define "spark-notebooks.notebookPort" -}}
{{ dig "KubeSpawner" "port" 8888 .Values.hub.config | int }}
{{- end }}

{{- /* An egress rule: names of the cluster and of others. */}}
{{- define "spark-notebooks.dnsRule" -}}
- to:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: kube-system
    {{- range list "10.0.0.0/8" "172.16.0.0/12" "192.168.0.0/16" "100.64.0.0/10" }}
    - ipBlock:
        cidr: {{ . }}
    {{- end }}
  ports:
    - {protocol: UDP, port: 53}
    - {protocol: TCP, port: 53}
{{- end }}

{{- /* Egress rules by kinds of addresses, as in zero-to-jupyterhub. Takes egressAllowRules. */}}
{{- define "spark-notebooks.egressAllowRules" -}}
{{- if .nonPrivateIPs }}
- to:
    - ipBlock:
        cidr: 0.0.0.0/0
        except: [10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10, 0.0.0.0/8, 127.0.0.0/8, 169.254.0.0/16]
    - ipBlock:
        cidr: ::/0
        except: ["fc00::/7", "::1/128", "fe80::/10"]
{{- end }}
{{- if .privateIPs }}
- to:
    {{- range list "10.0.0.0/8" "172.16.0.0/12" "192.168.0.0/16" "100.64.0.0/10" }}
    - ipBlock:
        cidr: {{ . }}
    {{- end }}
    - ipBlock:
        cidr: fc00::/7
        except: ["fd00:ec2::254/128"]
{{- end }}
{{- if .cloudMetadataServer }}
- to:
    - ipBlock:
        cidr: 169.254.169.254/32
    - ipBlock:
        cidr: fd00:ec2::254/128
{{- end }}
{{- end }}
