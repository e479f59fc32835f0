{{- define "entrepot.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "entrepot.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "entrepot.labels" -}}
{{ include "entrepot.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "entrepot.secret" -}}
{{ .Values.existingSecret | default (include "entrepot.name" .) }}
{{- end }}

{{- define "entrepot.hasSecret" -}}
{{- if or .Values.existingSecret .Values.secret.databaseUrl .Values.secret.s3AccessKey .Values.secret.s3SecretKey }}yes{{ end }}
{{- end }}

{{- define "entrepot.account" -}}
{{- if .Values.serviceAccount.create }}{{ .Values.serviceAccount.name | default (include "entrepot.name" .) }}{{ else }}{{ .Values.serviceAccount.name | default "default" }}{{ end }}
{{- end }}

{{- define "entrepot.several" -}}
{{- if or (gt (int .Values.replicas) 1) .Values.autoscaling.enabled }}yes{{ end }}
{{- end }}

{{- /* What cannot work is refused here, in one sentence, and not by a pod that does not start. */ -}}
{{- define "entrepot.check" -}}
{{- if not .Values.anonymous }}{{ fail "anonymous must be chosen, what clients may do: pull, push or full" }}{{ end }}
{{- $driver := dig "storage" "driver" "filesystem" .Values.config }}
{{- if include "entrepot.several" . }}
{{- if ne $driver "s3" }}{{ fail "several replicas need a bucket: set config.storage.driver to s3, and config.s3.bucket" }}{{ end }}
{{- if not (include "entrepot.hasSecret" .) }}{{ fail "several replicas need a PostgreSQL: set existingSecret, with the key database-url" }}{{ end }}
{{- if and (not .Values.existingSecret) (not .Values.secret.databaseUrl) }}{{ fail "several replicas need a PostgreSQL: set secret.databaseUrl" }}{{ end }}
{{- if .Values.persistence.enabled }}{{ fail "several replicas keep nothing in a volume: set persistence.enabled to false" }}{{ end }}
{{- else if and (eq $driver "filesystem") (not .Values.persistence.enabled) }}{{ fail "the pod would lose everything: set persistence.enabled to true, or config.storage.driver to s3" }}
{{- else if and (not .Values.persistence.enabled) (not .Values.existingSecret) (not .Values.secret.databaseUrl) }}{{ fail "the pod would lose its database: set persistence.enabled to true, or a database in existingSecret" }}
{{- end }}
{{- range $section, $settings := .Values.config }}{{- range $name := keys $settings }}
{{- if has (printf "%s.%s" $section $name) (list "server.listen" "server.root" "access.anonymous" "database.url" "s3.access_key" "s3.secret_key" "s3.session_token") }}{{ fail (printf "config.%s.%s has a place of its own among the values of the chart" $section $name) }}{{ end }}
{{- end }}{{ end }}
{{- if and .Values.autoscaling.enabled (lt (int .Values.autoscaling.maxReplicas) (int .Values.autoscaling.minReplicas)) }}{{ fail "autoscaling.maxReplicas is below autoscaling.minReplicas" }}{{ end }}
{{- end }}
