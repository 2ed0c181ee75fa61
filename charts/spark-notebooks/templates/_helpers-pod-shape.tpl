{{- /*
The shape that executors and jobs have in common, as parts of their policies. Both parts are about `variables.spec`, a pod's, and take a dict:
one and many (what a refusal calls it), sizes (what its size is asked for with), token (whether Kubernetes puts the account's token into it), role (whose profiles
it may have: executors or drivers), profile (what a profile is asked for with).
*/}}
{{- define "spark-notebooks.podShapeVariables" }}
    # Written by the hub at each start of a notebook. Where nothing is written, nothing is let in.
    - name: allowed
      expression: namespaceObject.metadata.?annotations.orValue({})
    # What the account's name has behind "notebook" or "executor": nothing in a person's own workspace, in a shared one "-" and the member.
    - name: ending
      expression: "size(variables.spec.?serviceAccountName.orValue('')) > 8 ? variables.spec.serviceAccountName.substring(8) : ''"
    # The label by which the network policies of a shared workspace know the member's pods; there it must be, and elsewhere it must not.
    - name: memberLabels
      expression: "variables.ending == '' ? [] : ['spark-notebooks.io/member']"
    # The pod whose token the creator shows. No other token of the account exists: nobody in a workspace may ask for one.
    - name: creatorPod
      expression: request.userInfo.?extra[?'authentication.kubernetes.io/pod-uid'].orValue([])
    - name: notebookImages
      expression: variables.allowed.filter(key, key.startsWith('image.spark-notebooks.io/')).map(key, variables.allowed[key])
    - name: sidecarImages
      expression: variables.allowed[?'allowed.spark-notebooks.io/sidecar-images'].orValue('').split(' ').filter(word, word != '')
    # Containers that a mesh adds are known by their image.
    - name: own
      expression: variables.spec.containers.filter(container, !(container.image in variables.sidecarImages))
    - name: ownInit
      expression: variables.spec.?initContainers.orValue([]).filter(container, !(container.image in variables.sidecarImages))
    - name: hasSidecar
      expression: >-
        (variables.spec.containers + variables.spec.?initContainers.orValue([])).exists(container, container.image in variables.sidecarImages)
    - name: mounted
      expression: >-
        variables.own.map(container, container.?volumeMounts.orValue([]).map(mount, mount.name).join(' ')).join(' ').split(' ')
    - name: secrets
      expression: >-
        (variables.allowed[?'allowed.spark-notebooks.io/secrets'].orValue('') + ' '
        + variables.allowed[?('secrets-of.spark-notebooks.io/' + (variables.ending == '' ? '-' : variables.ending.substring(1)))].orValue('')
        ).split(' ').filter(word, word != '')
    - name: configMaps
      expression: variables.allowed[?'allowed.spark-notebooks.io/config-maps'].orValue('').split(' ').filter(word, word != '')
    - name: audiences
      expression: variables.allowed[?'allowed.spark-notebooks.io/token-audiences'].orValue('').split(' ').filter(word, word != '')
    - name: pullSecrets
      expression: variables.allowed[?'allowed.spark-notebooks.io/image-pull-secrets'].orValue('').split(' ').filter(word, word != '')
    - name: nodeSelectors
      expression: variables.allowed[?'allowed.spark-notebooks.io/node-selectors'].orValue('').split(' ').filter(word, word != '')
    # The first two are Kubernetes' own default; the third, where memory is short, too.
    - name: tolerations
      expression: >-
        variables.allowed[?'allowed.spark-notebooks.io/tolerations'].orValue('').split(' ').filter(word, word != '')
        + ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable', 'node.kubernetes.io/memory-pressure']
    # Where it asks to be, in the words that the hub makes of profiles (hub: profile_values.py). What no profile can say is a word that none has.
    - name: place
      expression: >-
        variables.spec.?nodeSelector.orValue({}).map(key, 'node:' + key + '=' + variables.spec.nodeSelector[key])
        + variables.spec.?tolerations.orValue([]).map(toleration, 'taint:' + toleration.?key.orValue('')
          + (toleration.?operator.orValue('') == 'Exists' ? '' : toleration.?operator.orValue('') in ['', 'Equal'] ? '=' + toleration.?value.orValue('') : '?')
          + ':' + toleration.?effect.orValue('') + (has(toleration.tolerationSeconds) ? '/' + string(toleration.tolerationSeconds) : ''))
        + (!has(variables.spec.affinity) ? [] : !has(variables.spec.affinity.nodeAffinity) && !has(variables.spec.affinity.podAntiAffinity)
          && size(variables.spec.affinity.?podAffinity.?requiredDuringSchedulingIgnoredDuringExecution.orValue([])) == 0
          && variables.spec.affinity.?podAffinity.?preferredDuringSchedulingIgnoredDuringExecution.orValue([]).all(wish,
            wish.podAffinityTerm.topologyKey == 'kubernetes.io/hostname' && !has(wish.podAffinityTerm.namespaceSelector)
            && size(wish.podAffinityTerm.?namespaces.orValue([])) == 0) ? ['pack'] : ['other-affinity'])
        + (size(variables.spec.?topologySpreadConstraints.orValue([])) == 0 ? [] : variables.spec.topologySpreadConstraints.all(wish,
          wish.topologyKey == 'kubernetes.io/hostname' && wish.whenUnsatisfiable == 'ScheduleAnyway') ? ['spread'] : ['other-spread'])
    # Less what everything in the workspace may have.
    - name: chosenPlace
      expression: >-
        variables.place.filter(word, !variables.nodeSelectors.exists(allowed, word == 'node:' + allowed)
        && !(word.startsWith('taint:') && word.split(':')[1].split('=')[0] in variables.tolerations))
    - name: profiles
      expression: variables.allowed.filter(key, key.startsWith('{{ .role | trimSuffix "s" }}-profile.spark-notebooks.io/'))
    - name: profileNames
      expression: variables.profiles.map(key, key.split('/')[1]).join(', ')
    # One as it is, and not a bit of each.
    - name: hasProfile
      expression: >-
        variables.profiles.exists(key, variables.chosenPlace.all(word, word in variables.allowed[key].split(' '))
        && variables.allowed[key].split(' ').all(word, word == '' || word in variables.place))
    - name: priorityClasses
      expression: variables.allowed[?'allowed.spark-notebooks.io/priority-classes'].orValue('').split(' ').filter(word, word != '')
    # What it has that names none of them; empty where it need not have any.
    - name: usualPriority
      expression: variables.allowed[?'allowed.spark-notebooks.io/priority-class'].orValue('')
    - name: runtimeClasses
      expression: variables.allowed[?'allowed.spark-notebooks.io/runtime-classes'].orValue('').split(' ')
    - name: schedulers
      expression: variables.allowed[?'allowed.spark-notebooks.io/schedulers'].orValue('').split(' ') + ['default-scheduler']
    # A volume that only a sidecar mounts is the mesh's. Nothing of a node, and no Secret, is among what it may be.
    - name: foreignVolumes
      expression: >-
        variables.spec.?volumes.orValue([]).filter(volume, !(
          has(volume.emptyDir)
          || (has(volume.secret) && volume.secret.?secretName.orValue('') in variables.secrets)
          || (has(volume.configMap) && volume.configMap.?name.orValue('') in variables.configMaps)
          || (has(volume.projected) && volume.projected.?sources.orValue([]).all(source,
            (has(source.serviceAccountToken) && source.serviceAccountToken.?audience.orValue('') in variables.audiences)
            || (has(source.configMap) && source.configMap.?name.orValue('') in variables.configMaps)
            {{- if .token }}
            || (has(source.serviceAccountToken) && source.serviceAccountToken.?audience.orValue('') == '')
            || (has(source.configMap) && source.configMap.?name.orValue('') == 'kube-root-ca.crt')
            || has(source.downwardAPI)
            {{- end }}))
          || (variables.hasSidecar && !(volume.name in variables.mounted)
            && (has(volume.downwardAPI) || has(volume.configMap)
              || (has(volume.projected) && volume.projected.?sources.orValue([]).all(source, !has(source.secret)))))
        )).map(volume, volume.name)
    - name: foreignVariables
      expression: >-
        variables.own.filter(container, container.?env.orValue([]).exists(variable,
          (has(variable.valueFrom) && (has(variable.valueFrom.configMapKeyRef) || (has(variable.valueFrom.secretKeyRef)
            && !(variable.valueFrom.secretKeyRef.?name.orValue('') in variables.secrets))))))
{{- end }}

{{- define "spark-notebooks.podShapeValidations" }}
    - expression: variables.ending == '' || variables.ending == '-' + variables.labels[?'spark-notebooks.io/member'].orValue('')
      message: "{{ .one }} in a shared workspace has the label spark-notebooks.io/member of the member who makes it. Leave labels as they are."
    - expression: size(variables.own) == 1
      messageExpression: >-
        '{{ .one }} has one container, not ' + string(size(variables.own)) + '. Leave further ones out; the sidecars of a mesh are the '
        + 'administrator\'s to allow (workspace.admission.sidecarImages).'
    - expression: size(variables.ownInit) == 0
      message: "{{ .one }} has no init containers. Leave them out."
    - expression: variables.own.all(container, container.image in variables.notebookImages)
      messageExpression: >-
        '{{ .many }} run the image of their notebook (' + variables.notebookImages.join(', ') + '). Leave the image out.'
    - expression: size(variables.foreignVolumes) == 0
      messageExpression: >-
        'the volume "' + variables.foreignVolumes[0] + '" is not allowed: {{ .many }} have scratch space (emptyDir) and the Secrets '
        + variables.secrets.join(', ') + '. Share files through S3.'
    - expression: size(variables.foreignVariables) == 0 && variables.own.all(container, size(container.?envFrom.orValue([])) == 0)
      message: "{{ .one }} may not take variables from Secrets or ConfigMaps of the workspace. Leave envFrom, secretKeyRef and configMapKeyRef out."
    - expression: variables.spec.?imagePullSecrets.orValue([]).all(secret, secret.?name.orValue('') in variables.pullSecrets)
      message: "the image of {{ .one }} is pulled with the credentials that the administrator gives (imagePullSecrets). Leave others out."
    - expression: variables.hasProfile || variables.chosenPlace.all(word, word.startsWith('taint:'))
      messageExpression: >-
        'the scheduler chooses the nodes of {{ .many }}' + (size(variables.profiles) == 0
        ? '. Leave nodeSelector, affinity and topologySpreadConstraints out; an administrator offers profiles (workspace.profiles).'
        : ', or one of your profiles: ' + variables.profileNames
        + '. Leave nodeSelector, affinity, topologySpreadConstraints and tolerations out, and name a profile ({{ .profile }}).')
    - expression: variables.hasProfile || variables.chosenPlace.all(word, !word.startsWith('taint:'))
      messageExpression: >-
        '{{ .one }} may not tolerate taints of nodes' + (size(variables.profiles) == 0
        ? '. Leave tolerations out, or ask your administrator to allow them (workspace.admission.tolerations).'
        : ' but by one of your profiles: ' + variables.profileNames + '. Leave tolerations out, and name a profile ({{ .profile }}).')
    - expression: >-
        variables.hasProfile || size(variables.chosenPlace) > 0
        || !('{{ .role }}' in variables.allowed[?'allowed.spark-notebooks.io/placed'].orValue('').split(' '))
      messageExpression: >-
        '{{ .many }} run on the nodes of a profile here: ' + variables.profileNames + '. Name one ({{ .profile }}), or none for your '
        + 'administrator\'s choice.'
    - expression: variables.spec.?priorityClassName.orValue('') in variables.priorityClasses + [variables.usualPriority]
      messageExpression: >-
        variables.usualPriority == ''
        ? 'the priority class "' + variables.spec.?priorityClassName.orValue('') + '" is not allowed. Leave it out, or ask your administrator to allow it '
        + '(workspace.admission.priorityClasses).'
        : '{{ .many }} have the priority class "' + variables.usualPriority + '" here, not "' + variables.spec.?priorityClassName.orValue('')
        + '". Leave it as it is, and make schedules anew that are older than it (spark-session cancel, spark-session submit).'
    - expression: variables.spec.?runtimeClassName.orValue('') in variables.runtimeClasses + ['']
      messageExpression: >-
        'the runtime class "' + variables.spec.runtimeClassName + '" is not allowed. Leave it out, or ask your administrator to allow it '
        + '(workspace.admission.runtimeClasses).'
    - expression: variables.spec.?schedulerName.orValue('default-scheduler') in variables.schedulers
      message: >-
        {{ .many }} are placed by the cluster's own scheduler. Leave schedulerName out; an administrator sets
        spark.kubernetes.executor.scheduler.name in spark.conf.
    - expression: >-
        variables.own.all(container, ['cpu', 'memory'].all(name, name in container.?resources.?requests.orValue({}))
        && 'memory' in container.?resources.?limits.orValue({}))
        && size(variables.spec.?resourceClaims.orValue([])) == 0
      message: "{{ .one }} states its CPU (request) and its memory (request and limit), and claims no devices. Use {{ .sizes }}."
    - expression: >-
        variables.spec.?securityContext.?runAsNonRoot.orValue(false) && variables.spec.?securityContext.?runAsUser.orValue(1) != 0
        && variables.spec.?securityContext.?seccompProfile.?type.orValue('') == 'RuntimeDefault'
        && size(variables.spec.?securityContext.?sysctls.orValue([])) == 0
        && variables.own.all(container,
          !container.?securityContext.?allowPrivilegeEscalation.orValue(true)
          && !container.?securityContext.?privileged.orValue(false)
          && container.?securityContext.?runAsNonRoot.orValue(true)
          && container.?securityContext.?runAsUser.orValue(1) != 0
          && container.?securityContext.?seccompProfile.?type.orValue('RuntimeDefault') == 'RuntimeDefault'
          && 'ALL' in container.?securityContext.?capabilities.?drop.orValue([])
          && size(container.?securityContext.?capabilities.?add.orValue([])) == 0
          && container.?securityContext.?procMount.orValue('Default') == 'Default')
      message: >-
        {{ .one }} runs as a user without privileges: runAsNonRoot, seccompProfile RuntimeDefault, no allowPrivilegeEscalation, capabilities
        dropped (ALL) and none added. Leave the security settings as they are.
    - expression: >-
        variables.spec.?restartPolicy.orValue('') == 'Never' && variables.spec.?terminationGracePeriodSeconds.orValue(30) <= 300
        && !variables.spec.?shareProcessNamespace.orValue(false)
      message: >-
        {{ .one }} ends for good (restartPolicy Never), within 300 seconds after it is asked to (terminationGracePeriodSeconds), and shares its
        processes with nobody.
{{- end }}
