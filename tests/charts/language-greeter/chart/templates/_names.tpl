{{- define "greeter.labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}
{{- define "greeter.secret" -}}
{{ .Values.existingSecret | default (printf "%s-token" .Release.Name) }}
{{- end }}
