"""JupyterHub configuration of the data science platform: profiles, fit check, spawn form (later work)."""
