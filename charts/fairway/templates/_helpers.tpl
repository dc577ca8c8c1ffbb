{{- /* Names, labels and images, in one place. */ -}}

{{- define "fairway.operator" -}}
{{- printf "%s-operator" .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{- define "fairway.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (include "fairway.operator" .) -}}
{{- end -}}

{{- /* What cluster-wide objects are called: two releases in two namespaces do not meet. */ -}}
{{- define "fairway.clusterName" -}}
{{- printf "%s-%s" .Release.Namespace (include "fairway.operator" .) -}}
{{- end -}}

{{- define "fairway.selector" -}}
app.kubernetes.io/name: fairway-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- /* What a user adds never replaces what selectors and Helm rely on. */ -}}
{{- define "fairway.labels" -}}
{{- $own := include "fairway.selector" . | fromYaml -}}
{{- $_ := set $own "app.kubernetes.io/version" (.Chart.AppVersion | toString) -}}
{{- $_ := set $own "app.kubernetes.io/managed-by" .Release.Service -}}
{{- $_ := set $own "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_") -}}
{{- merge $own .Values.commonLabels | toYaml -}}
{{- end -}}

{{- /* (dict "root" $ "own" SELECTOR "more" MAP): of a pod. No version: a new chart alone restarts nothing. */ -}}
{{- define "fairway.podLabels" -}}
{{- $own := .own | fromYaml -}}
{{- $_ := set $own "app.kubernetes.io/managed-by" .root.Release.Service -}}
{{- merge $own .more .root.Values.commonLabels | toYaml -}}
{{- end -}}

{{- /* metadata.labels and metadata.annotations of an object that has no annotations of its own. */ -}}
{{- define "fairway.common" -}}
labels:
  {{- include "fairway.labels" . | nindent 2 }}
{{- with .Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- /* (dict "root" $ "image" .Values.operator.image): an image by digest, else by tag. */ -}}
{{- define "fairway.image" -}}
{{- $registry := .image.registry | default .root.Values.image.registry -}}
{{- $name := ternary (printf "%s/%s" $registry .image.repository) .image.repository (ne $registry "") -}}
{{- if .image.digest -}}
{{- printf "%s@%s" $name .image.digest -}}
{{- else -}}
{{- printf "%s:%s" $name (.image.tag | default .root.Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{- define "fairway.fetchImage" -}}
{{- $own := .Values.fetch.image -}}
{{- $image := dict -}}
{{- range $key, $value := .Values.operator.image -}}
{{- $_ := set $image $key (get $own $key | default $value) -}}
{{- end -}}
{{- if and $own.tag (not $own.digest) -}}{{- $_ := set $image "digest" "" -}}{{- end -}}
{{- include "fairway.image" (dict "root" . "image" $image) -}}
{{- end -}}

{{- define "fairway.testSelector" -}}
app.kubernetes.io/name: fairway-test
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- /* A rule of a NetworkPolicy's egress. */ -}}
{{- define "fairway.toApiServer" -}}
ports:
  {{- range .Values.networkPolicy.apiServer.ports }}
  - {port: {{ . }}, protocol: TCP}
  {{- end }}
{{- with .Values.networkPolicy.apiServer.cidrs }}
to:
  {{- range . }}
  - ipBlock: {cidr: {{ . | quote }}}
  {{- end }}
{{- end }}
{{- end -}}
