"""Coverage-guided fuzzing of every parser: harnesses, their corpus, and the runner."""
