"""Our figures beside those of a peer or of the bare operation, taken turn by turn in one run."""
