"""From what `run` asks for to what an OCI runtime is told: docker's vocabulary in, a runtime spec out. Pure code."""
