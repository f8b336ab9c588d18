"""Fakes and one conformance suite per plug-in kind, shipped for plug-in authors."""
