{{- define "common.fullname" -}}
{{- printf "%s-%s" .Release.Name .Values.common.suffix -}}
{{- end -}}
{{- define "common.configmap" -}}
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ include "common.fullname" .root }}
data: {{- toYaml .data | nindent 2 }}
{{- end -}}
