"""Models: the versioned store, its formats, and the untrained Spec in git."""
