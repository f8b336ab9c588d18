"""The bare operations: what the disk and Keras themselves cost."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from .keras_models import model


def prepare(size: str) -> None:
    model(size)


def save(size: str, folder: str) -> None:
    """``model.save`` and nothing else: not even a sync."""
    target = Path(folder, f"bare-{size}.keras")
    target.unlink(missing_ok=True)
    model(size).save(target)


def write_synced(folder: str, size_bytes: int) -> None:
    """One new file, written and synced."""
    descriptor, _ = tempfile.mkstemp(dir=folder)
    try:
        os.write(descriptor, b"x" * size_bytes)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
