// S14: no sidecar, no traffic; and streams that are under way finish when the pod is told to end.
