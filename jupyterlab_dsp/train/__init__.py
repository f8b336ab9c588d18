"""Train: a notebook cell becomes a supervised run."""
