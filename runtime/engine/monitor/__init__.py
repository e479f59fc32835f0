"""The process beside each running container: it keeps its streams, its log, its exit code and its restarts."""
