{{/* Definitions, from this file and overridden in another. */}}
{{- define "greet" -}}
hello {{ .who | default "nobody" }}
{{- end }}
{{- define "labels" -}}
app: {{ .Chart.Name }}
{{- with .Values.more }}
{{ toYaml . }}
{{- end }}
{{- end -}}
{{ define "twice" }}first{{ end }}
{{ define "empty" }}   {{ end }}
