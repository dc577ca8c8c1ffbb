{{- /* What every pod of this release has in common, so that none can be forgotten: Pod Security restricted. */ -}}

{{- define "fairway.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end -}}

{{- define "fairway.container" -}}
image: {{ include "fairway.image" (dict "root" . "image" .Values.operator.image) }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
volumeMounts:
  - {name: tmp, mountPath: /tmp}
  - {name: account, mountPath: /var/run/secrets/kubernetes.io/serviceaccount, readOnly: true}
{{- end -}}

{{- /* The account's token as a volume of our own: readable by this user only, and in no pod by accident. */ -}}
{{- define "fairway.volumes" -}}
- name: tmp
  emptyDir: {sizeLimit: 16Mi}
- name: account
  projected:
    defaultMode: 0440
    sources:
      - serviceAccountToken: {path: token, expirationSeconds: 3600}
      - configMap: {name: kube-root-ca.crt, items: [{key: ca.crt, path: ca.crt}]}
      - downwardAPI: {items: [{path: namespace, fieldRef: {fieldPath: metadata.namespace}}]}
{{- end -}}

{{- /* Everything in fairway/controller/settings.py that an administrator chooses. */ -}}
{{- define "fairway.env" -}}
- {name: FAIRWAY_NAMESPACES, value: {{ .Values.namespaces | toJson | quote }}}
- {name: FAIRWAY_SERVER_IMAGE, value: {{ include "fairway.image" (dict "root" . "image" .Values.onnx.image) | quote }}}
{{- if .Values.onnx.gpuImage.repository }}
- {name: FAIRWAY_SERVER_GPU_IMAGE, value: {{ include "fairway.image" (dict "root" . "image" .Values.onnx.gpuImage) | quote }}}
{{- end }}
- {name: FAIRWAY_ROUTER_IMAGE, value: {{ include "fairway.image" (dict "root" . "image" .Values.router.image) | quote }}}
- {name: FAIRWAY_FETCH_IMAGE, value: {{ include "fairway.fetchImage" . | quote }}}
{{- with .Values.servers.resources }}
- {name: FAIRWAY_SERVER_RESOURCES, value: {{ . | toJson | quote }}}
{{- end }}
- {name: FAIRWAY_SERVER_NODE_SELECTOR, value: {{ .Values.servers.nodeSelector | toJson | quote }}}
- {name: FAIRWAY_SERVER_TOLERATIONS, value: {{ .Values.servers.tolerations | toJson | quote }}}
- {name: FAIRWAY_IMAGE_PULL_SECRETS, value: {{ .Values.imagePullSecrets | toJson | quote }}}
- {name: FAIRWAY_ROUTER_REPLICAS, value: {{ .Values.router.replicas | quote }}}
- {name: FAIRWAY_FIRST_PORT, value: {{ .Values.router.firstPort | quote }}}
- {name: FAIRWAY_WORKERS, value: {{ .Values.operator.workers | quote }}}
- {name: FAIRWAY_RESYNC_SECONDS, value: {{ .Values.operator.resyncSeconds | quote }}}
- {name: FAIRWAY_LEASE_NAMESPACE, value: {{ .Release.Namespace | quote }}}
- {name: FAIRWAY_LEASE_NAME, value: {{ include "fairway.operator" . | quote }}}
- {name: FAIRWAY_LOG_LEVEL, value: {{ .Values.operator.logLevel | quote }}}
{{- end -}}
