"""Small versions for tests."""

from __future__ import annotations

from typing import Any

from jupyterlab_dsp.contract.model import Version
from jupyterlab_dsp.model.plugin import Saved, SavedFile
from jupyterlab_dsp.platform import Platform


def saved(**files: bytes) -> Saved:
    return Saved([SavedFile(name.replace("__", "/"), content) for name, content in files.items()])


def add(platform: Platform, model: str = "digits", weights: bytes = b"weights", **more: Any) -> Version:
    more.setdefault("format", "pickle")
    return platform.model.add_version(model, saved(weights__w=weights, config=b"{}"), **more)


def blobs(platform: Platform) -> dict[str, int]:
    return {blob.digest: blob.size_bytes for blob in platform.store.blobs()}
