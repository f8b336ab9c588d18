"""Kernels of the data science platform: JVM kernels and kernel provisioners (later work)."""
