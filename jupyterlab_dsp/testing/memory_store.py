"""A store in the memory of this process: for tests, and to try plug-ins without a disk."""

from __future__ import annotations

import io
from typing import BinaryIO

from pydantic import Field

from ..errors import NotFound
from ..model.fsspec_store import FsspecStore


class MemoryStore(FsspecStore):
    """fsspec's memory file system. Every instance with the same address sees the same blobs."""

    name = "memory"
    label = "Memory (tests)"

    class Config(FsspecStore.Config):
        url: str = Field(default="memory://dsp-store", description="Address below memory://.")

    def _open(self, digest: str) -> BinaryIO:
        # fsspec hands out one and the same file object, and its position, to every reader
        try:
            return io.BytesIO(self._fs.cat_file(self._path(digest)))
        except FileNotFoundError:
            raise NotFound.of("blob", digest) from None
