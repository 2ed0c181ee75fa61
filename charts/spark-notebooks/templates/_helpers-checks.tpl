{{- /*
  What the schema cannot say: values that are right one by one and do not work together. Each check prints a line for each
  problem, which begins with the key to change and says what to do. validation.yaml runs them all.
*/}}
{{- define "spark-notebooks.check.s3" -}}
{{- $keys := .Values.s3.credentials -}}
{{- with .Values.s3 }}
{{- if and .embedded.enabled .endpoint }}
s3.endpoint is set and s3.embedded.enabled is true: the notebooks are kept in one place. Remove one of the two.
{{- end }}
{{- if and $keys.existingSecret (or $keys.accessKey $keys.secretKey) }}
s3.credentials.existingSecret is set, and so are s3.credentials.accessKey or secretKey: name the Secret or give the keys, not both.
{{- else if ne (empty $keys.accessKey) (empty $keys.secretKey) }}
s3.credentials.accessKey and s3.credentials.secretKey belong together: give both, or name a Secret in s3.credentials.existingSecret.
{{- else if eq $keys.mode "serviceAccount" }}
{{- if .embedded.enabled }}
s3.credentials.mode is serviceAccount and s3.embedded.enabled is true: the embedded server knows no accounts of a cloud. Set the mode to tokenService or static.
{{- else if or $keys.existingSecret $keys.accessKey }}
s3.credentials.mode is serviceAccount, in which nobody has keys, and there are some: remove s3.credentials.existingSecret, accessKey and secretKey.
{{- end }}
{{- else if not (or .embedded.enabled $keys.existingSecret $keys.accessKey) }}
s3.credentials.existingSecret is empty: notebooks are kept on S3, which asks for keys. Name a Secret with the keys access-key and secret-key, or, to try things out, set s3.embedded.enabled to true.
{{- else if and .embedded.enabled $keys.secretKey (lt (len $keys.secretKey) 8) }}
s3.credentials.secretKey is shorter than 8 characters: it would be the password of everybody's notebooks. Remove both keys to have some generated.
{{- end }}
{{- end }}
{{- end }}

{{- define "spark-notebooks.check.tokens" -}}
{{- if include "spark-notebooks.tokens" . }}
{{- with .Values.tokenService }}
{{- if and $.Values.s3.embedded.enabled (or .endpoint .roleArn .existingSecret) }}
tokenService.endpoint, roleArn and existingSecret are for an S3 service of yours, and s3.embedded.enabled is true: remove them.
{{- else if and (not $.Values.s3.embedded.enabled) (eq .minting "assumeRole") (not .roleArn) }}
tokenService.roleArn is empty: name the role whose rights bound those of all workspaces (for MinIO any ARN will do), or set tokenService.minting to iamUsers.
{{- end }}
{{- end }}
{{- end }}
{{- if and (ne .Values.s3.credentials.mode "serviceAccount") (or .Values.s3.credentials.annotations.hub .Values.s3.credentials.annotations.notebook .Values.s3.credentials.annotations.executor) }}
s3.credentials.annotations is set and s3.credentials.mode is {{ .Values.s3.credentials.mode }}: set the mode to serviceAccount, or remove the annotations.
{{- end }}
{{- end }}

{{- define "spark-notebooks.check.notices" -}}
{{- with .Values.notices }}
{{- $open := or (not .networkPolicy.enabled) .networkPolicy.egress }}
{{- if and .webhook.existingSecret (not .webhook.addresses) (not $open) }}
notices.webhook.addresses is empty, and network policies know no host names, so no notice would leave: give the networks of the URL's host, such as [10.20.0.0/16], or [0.0.0.0/0] for any address on notices.webhook.port.
{{- end }}
{{- if .email.host }}
{{- if not .email.sender }}
notices.email.sender is empty: give the address that mails come from, such as notebooks@example.org.
{{- end }}
{{- if not .email.recipients }}
notices.email.recipients is empty: say who gets mails, such as ["{user}@example.org"].
{{- end }}
{{- if and (not .email.addresses) (not $open) (eq (include "spark-notebooks.addressOfHost" .email.host) "[]") }}
notices.email.addresses is empty, and network policies cannot name {{ .email.host }} by its host name, so no mail would leave: give the networks of the server, such as [10.20.0.0/16], or [0.0.0.0/0] for any address on notices.email.port.
{{- end }}
{{- if and .email.existingSecret (eq .email.encryption "none") }}
notices.email.encryption is none, and notices.email.existingSecret holds a password, which everybody on the way could read: set encryption to starttls or tls.
{{- end }}
{{- else if or .email.sender .email.recipients .email.existingSecret }}
notices.email.host is empty, so no mails are sent, and something else of notices.email is set: give the SMTP server, or remove the rest.
{{- end }}
{{- end }}
{{- end }}

{{- define "spark-notebooks.check.hub" -}}
{{- with .Values.hub }}
{{- if and (eq .db.type "postgres") (not .db.url) }}
hub.db.url is empty and hub.db.type is postgres: give the database's URL, such as postgresql://hub@db.example.org:5432/hub.
{{- else if and (ne .db.type "postgres") .db.url }}
hub.db.url is set and hub.db.type is {{ .db.type }}, which needs none: set hub.db.type to postgres, or remove the URL.
{{- end }}
{{- if and .namedServerLimitPerUser (not .allowNamedServers) }}
hub.namedServerLimitPerUser is set and hub.allowNamedServers is false: allow named servers, or remove the limit.
{{- end }}
{{- range $key, $_ := .labels }}
{{- if hasPrefix "app.kubernetes.io/" $key }}
hub.labels.{{ $key }}: the chart itself sets the labels app.kubernetes.io/*, by which its Services find their pods. Choose another label.
{{- end }}
{{- end }}
{{- range $name, $_ := pick .extraEnv "JPY_COOKIE_SECRET" "CONFIGPROXY_AUTH_TOKEN" "JUPYTERHUB_CRYPT_KEY" "AWS_ACCESS_KEY_ID" "AWS_SECRET_ACCESS_KEY" }}
hub.extraEnv.{{ $name }}: the chart itself sets it from a Secret. Name your own in hub.existingSecret or s3.credentials.existingSecret.
{{- end }}
{{- end }}
{{- end }}

{{- define "spark-notebooks.check.hub-config" -}}
{{- $instead := list
  (list "JupyterHub" "base_url" "set hub.baseUrl")
  (list "JupyterHub" "db_url" "set hub.db.type and hub.db.url")
  (list "JupyterHub" "cookie_secret" "put it in the Secret of hub.existingSecret as cookie-secret")
  (list "ConfigurableHTTPProxy" "auth_token" "put it in the Secret of hub.existingSecret as proxy-token")
  (list "CryptKeeper" "keys" "put it in the Secret of hub.existingSecret as crypt-key")
}}
{{- range $instead }}
{{- if hasKey (get $.Values.hub.config (index . 0) | default dict) (index . 1) }}
hub.config.{{ index . 0 }}.{{ index . 1 }}: other parts of the chart depend on it. Remove it, and {{ index . 2 }}.
{{- end }}
{{- end }}
{{- end }}

{{- define "spark-notebooks.check.proxy" -}}
{{- with .Values.proxy.service }}
{{- if and .nodePorts.http (eq .type "ClusterIP") }}
proxy.service.nodePorts.http is set and proxy.service.type is ClusterIP, which has no node port: set the type to NodePort, or remove the port.
{{- end }}
{{- if and .nodePorts.https (eq .type "ClusterIP") }}
proxy.service.nodePorts.https is set and proxy.service.type is ClusterIP, which has no node port: set the type to NodePort, or remove the port.
{{- end }}
{{- end }}
{{- if include "spark-notebooks.proxyServesHttps" . }}
{{- if not .Values.proxy.https.secret.name }}
proxy.https.enabled is true, and proxy.https.secret.name is not set: name a Secret with the certificate, or set proxy.https.type to offload if something in front of the proxy has it.
{{- end }}
{{- range list "ingress" "httpRoute" }}
{{- if (get $.Values .).enabled }}
{{ . }}.enabled is true, and proxy.https.type is secret: {{ . }} would be redirected to https without end. Set proxy.https.type to offload, or {{ . }}.enabled to false.
{{- end }}
{{- end }}
{{- end }}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.parentRefs) }}
httpRoute.enabled is true, and httpRoute.parentRefs names no gateway: set it, for example [{name: public, namespace: gateways, sectionName: https}].
{{- end }}
{{- end }}

{{- define "spark-notebooks.check.notebook-size" -}}
{{- with .Values.singleuser }}
{{- if and .cpu.limit .cpu.guarantee (gt (float64 .cpu.guarantee) (float64 .cpu.limit)) }}
singleuser.cpu.guarantee ({{ .cpu.guarantee }}) is above singleuser.cpu.limit ({{ .cpu.limit }}): no notebook could start.
{{- end }}
{{- if and .memory.limit .memory.guarantee (gt (include "spark-notebooks.bytes" .memory.guarantee | int64) (include "spark-notebooks.bytes" .memory.limit | int64)) }}
singleuser.memory.guarantee ({{ .memory.guarantee }}) is above singleuser.memory.limit ({{ .memory.limit }}): no notebook could start.
{{- end }}
{{- end }}
{{- end }}

{{- /* A notebook's memory in bytes: a number, or text whose suffix is a power of 1024. */}}
{{- define "spark-notebooks.bytes" -}}
{{- if kindIs "string" . -}}
  {{- $factor := get (dict "K" 1024 "M" 1048576 "G" 1073741824 "T" 1099511627776) (regexFind "[KMGT]$" .) | default 1 -}}
  {{- mulf (regexFind "^[0-9.]+" .) $factor | int64 -}}
{{- else -}}
  {{- int64 . -}}
{{- end -}}
{{- end }}

{{- /* Kubernetes refuses pods that do not name what a quota bounds. */}}
{{- define "spark-notebooks.check.quota" -}}
{{- range $resource := list "cpu" "memory" }}
{{- range $kind, $setting := dict "requests" "guarantee" "limits" "limit" }}
{{- $bound := printf "%s.%s" $kind $resource }}
{{- if and (hasKey $.Values.workspace.quota $bound) (not (include "spark-notebooks.namesAmount" (list $ $resource $kind $.Values.workspace.limits))) }}
workspace.quota bounds {{ $bound }}, and notebooks name no such amount, so Kubernetes would refuse them: set singleuser.{{ $resource }}.{{ $setting }}, or a default in workspace.limits.
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- /*
  "true" if notebooks name an amount of a resource, by themselves or by a LimitRange, which takes its maximum for a missing
  default, and its default or minimum for a missing request. Takes (list $ resource kind limits), kind is requests or limits.
*/}}
{{- define "spark-notebooks.namesAmount" -}}
{{- $values := (index . 0).Values -}}
{{- $resource := index . 1 -}}
{{- $requests := eq (index . 2) "requests" -}}
{{- $size := get $values.singleuser $resource -}}
{{- $named := or $size.limit (and $requests $size.guarantee) -}}
{{- range $limit := index . 3 -}}
  {{- range ternary (list "defaultRequest" "default" "min" "max") (list "default" "max") $requests -}}
    {{- $named = or $named (and (eq $limit.type "Container") (hasKey (get $limit . | default dict) $resource)) -}}
  {{- end -}}
{{- end -}}
{{- if $named }}true{{ end -}}
{{- end }}

{{- define "spark-notebooks.check.tenancy" -}}
{{- if and (ne .Values.workspace.afterRemoval "keep") (eq .Values.hub.db.type "sqlite-memory") }}
workspace.afterRemoval is {{ .Values.workspace.afterRemoval }} and hub.db.type is sqlite-memory, which forgets everybody at each restart: set workspace.afterRemoval to keep, or use another database.
{{- end }}
{{- $seen := dict -}}
{{- range $entry := .Values.tenancy.groups }}
{{- if hasKey $seen $entry.group }}
tenancy.groups has two entries for {{ $entry.group | quote }}: make one of them.
{{- end }}
{{- $_ := set $seen $entry.group true }}
{{- /* What a group says nothing of is the workspace's, and is looked at there. */}}
{{- if or $entry.quota (hasKey $entry "limits") }}
{{- $limits := ternary $entry.limits $.Values.workspace.limits (kindIs "slice" $entry.limits) }}
{{- range $resource := list "cpu" "memory" }}
{{- range $kind, $setting := dict "requests" "guarantee" "limits" "limit" }}
{{- $bound := printf "%s.%s" $kind $resource }}
{{- $given := $entry.quota | default dict }}
{{- $quota := ternary (get $given $bound) (get $.Values.workspace.quota $bound) (hasKey $given $bound) }}
{{- if and (not (kindIs "invalid" $quota)) (ne (toString $quota) "") (not (include "spark-notebooks.namesAmount" (list $ $resource $kind $limits))) }}
tenancy.groups: the quota of {{ $entry.group | quote }} bounds {{ $bound }}, and notebooks name no such amount, so Kubernetes would refuse them: set singleuser.{{ $resource }}.{{ $setting }}, or a default in its limits.
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "spark-notebooks.check.shared-workspaces" -}}
{{- $taken := dict "s3.prefix" (trimAll "/" .Values.s3.prefix) -}}
{{- range .Values.singleuser.sharedFolders }}{{ $_ := set $taken (printf "the shared folder %q" .name) (trimAll "/" .prefix) }}{{ end -}}
{{- $names := dict -}}
{{- range .Values.tenancy.workspaces }}
{{- $mine := trimAll "/" .prefix }}
{{- $name := .name }}
{{- if hasKey $names $name }}
tenancy.workspaces: {{ $name | quote }} is there twice. Give one of the two another name.
{{- else }}
{{- range $what, $other := $taken }}
{{- if or (hasPrefix (printf "%s/" $other) (printf "%s/" $mine)) (hasPrefix (printf "%s/" $mine) (printf "%s/" $other)) }}
tenancy.workspaces: the prefix of {{ $name | quote }} ({{ $mine }}) is not apart from that of {{ $what }} ({{ $other }}). Choose another one.
{{- end }}
{{- end }}
{{- $_ := set $taken (printf "the workspace %q" $name) $mine }}
{{- end }}
{{- $_ := set $names $name true }}
{{- end }}
{{- if and .Values.tenancy.workspaces (not .Values.workspace.admission.enabled) }}
tenancy.workspaces is set and workspace.admission.enabled is false: members would not be kept apart from each other. Enable the admission policies, or remove the workspaces.
{{- end }}
{{- end }}

{{- define "spark-notebooks.check.namespaces" -}}
{{- $prefix := .Values.workspace.namespacePrefix -}}
{{- if hasPrefix "kube-" $prefix }}
workspace.namespacePrefix ({{ $prefix }}): namespaces that begin with kube- are Kubernetes' own. Choose another prefix.
{{- end }}
{{- if hasPrefix $prefix .Release.Namespace }}
workspace.namespacePrefix ({{ $prefix }}) is how the release's own namespace {{ .Release.Namespace }} begins: a person of the right name would get it as workspace. Choose another prefix or another namespace.
{{- end }}
{{- end }}

{{- define "spark-notebooks.check.network" -}}
{{- $allow := .Values.singleuser.networkPolicy.egressAllowRules -}}
{{- $elsewhere := or .Values.singleuser.networkPolicy.egress $allow.nonPrivateIPs $allow.privateIPs -}}
{{- $host := regexReplaceAll "^https?://([^:/]+).*$" (.Values.s3.endpoint | default "") "${1}" -}}
{{- $known := or .Values.s3.embedded.enabled .Values.s3.addresses (regexMatch "^[0-9]+(\\.[0-9]+){3}$" $host) -}}
{{- /* Where the keys are not as they should be, either, that is said first. */}}
{{- $keys := .Values.s3.credentials -}}
{{- $chosen := or (eq $keys.mode "serviceAccount") (ternary (empty $keys.accessKey) (and $keys.accessKey $keys.secretKey) (not (empty $keys.existingSecret))) -}}
{{- if and .Values.singleuser.networkPolicy.enabled $chosen (not $known) (not $elsewhere) }}
s3.addresses is empty, and network policies cannot name {{ .Values.s3.endpoint | default "AWS" }} by its host name, so no notebook would reach its files: give the networks of the S3 service, such as [10.20.0.0/16], or [0.0.0.0/0] for any address on its port.
{{- end }}
{{- if and .Values.s3.embedded.enabled .Values.s3.addresses }}
s3.addresses is set and s3.embedded.enabled is true: notebooks reach the embedded server by its labels. Remove the addresses.
{{- end }}
{{- end }}

{{- define "spark-notebooks.check.shared-folders" -}}
{{- $homes := trimAll "/" .Values.s3.prefix -}}
{{- $prefixes := dict -}}
{{- $written := dict -}}
{{- range .Values.singleuser.sharedFolders }}
{{- $prefix := trimAll "/" .prefix }}
{{- if eq (empty (concat (.groups | default list) (.users | default list))) (not .everyone) }}
singleuser.sharedFolders: {{ .name | quote }} is for nobody, or for everyone and some others: name groups or users, or set everyone to true.
{{- end }}
{{- if ne (get $prefixes .name | default $prefix) $prefix }}
singleuser.sharedFolders: {{ .name | quote }} has two prefixes, {{ get $prefixes .name }} and {{ $prefix }}: give one of the two another name.
{{- end }}
{{- if hasPrefix (printf "%s/" $homes) $prefix }}
singleuser.sharedFolders: {{ .name | quote }} ({{ $prefix }}) is below s3.prefix ({{ $homes }}), where each person's own folder is. Choose another prefix.
{{- end }}
{{- if and (eq (.access | default "read") "write") (hasPrefix (printf "%s/" $prefix) (printf "%s/" $homes)) }}
singleuser.sharedFolders: {{ .name | quote }} ({{ $prefix }}) holds each person's own folder, so nobody may write there. Set its access to read.
{{- end }}
{{- $_ := set $prefixes .name $prefix }}
{{- if eq (.access | default "read") "write" }}{{ $_ := set $written .name $prefix }}{{ end }}
{{- end }}
{{- range $outer, $prefix := $written }}
{{- range $inner, $other := $prefixes }}
{{- if and (ne $outer $inner) (hasPrefix (printf "%s/" $prefix) (printf "%s/" $other)) }}
singleuser.sharedFolders: {{ $inner | quote }} ({{ $other }}) is within {{ $outer | quote }} ({{ $prefix }}), where people write. Keep them apart.
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "spark-notebooks.check.profiles" -}}
{{- $profiles := .Values.workspace.profiles -}}
{{- $ofExecutors := list "layout" "spot" "terminationGracePeriodSeconds" "maxExecutors" "node" -}}
{{- range $name, $profile := $profiles }}
{{- if not (has "executors" ($profile.for | default (list "executors" "drivers"))) }}
{{- range $key := $ofExecutors }}
{{- if get $profile $key }}
workspace.profiles.{{ $name }}.{{ $key }} is about executors, and the profile is for drivers: remove it, or add executors to workspace.profiles.{{ $name }}.for.
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- range $role, $name := .Values.workspace.defaultProfiles }}
{{- if $name }}
{{- $profile := get $profiles $name }}
{{- if not $profile }}
workspace.defaultProfiles.{{ $role }} is {{ $name }}, and there is no such profile in workspace.profiles: describe it there, or name one that is.
{{- else if not (has $role ($profile.for | default (list "executors" "drivers"))) }}
workspace.defaultProfiles.{{ $role }} is {{ $name }}, which is not for {{ $role }}: add {{ $role }} to workspace.profiles.{{ $name }}.for.
{{- else if $profile.allowedGroups }}
workspace.defaultProfiles.{{ $role }} is {{ $name }}, which not everybody may use: remove workspace.profiles.{{ $name }}.allowedGroups, or choose another default.
{{- end }}
{{- end }}
{{- end }}
{{- end }}
