"""What every store shares: the form of a digest, hashing, and a stream that checks itself."""

from __future__ import annotations

import io
import re
from typing import BinaryIO, cast

from blake3 import blake3

from ..errors import Corrupt, InvalidInput

#: bytes that are read, hashed and written at a time
CHUNK_BYTES = 4 * 2**20

_DIGEST = re.compile(r"blake3:[0-9a-f]{64}")


def hex_of(digest: str) -> str:
    """The 64 hex digits of a digest. Raises InvalidInput for anything else: digests become file names."""
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        shown = repr(digest) if len(repr(digest)) <= 100 else f"{repr(digest)[:100]}..."
        raise InvalidInput(f"{shown} is no digest.", hint="A digest is 'blake3:' and 64 hex digits.", field="digest")
    return digest[7:]


def new_hasher() -> blake3:
    """A hasher that uses all cores for large pieces and lets go of the interpreter lock meanwhile."""
    return blake3(max_threads=blake3.AUTO)


def digest_of(hasher: blake3) -> str:
    """The digest of what the hasher has seen."""
    return f"blake3:{hasher.hexdigest()}"


def hash_stream(stream: BinaryIO) -> tuple[str, int]:
    """(digest, bytes) of the rest of a stream."""
    hasher, size = new_hasher(), 0
    # a plain read loop, not mmap: a mapped file that somebody shortens ends the whole process
    buffer = memoryview(bytearray(CHUNK_BYTES))
    while count := cast("io.RawIOBase", stream).readinto(buffer):
        hasher.update(buffer[:count])
        size += count
    return digest_of(hasher), size


def corrupt(digest: str, found: str) -> Corrupt:
    """The error for bytes that are not what was stored."""
    return Corrupt(
        "Stored bytes are not what was stored.",
        hint="'dsp model fsck' lists what else is damaged.",
        digest=digest,
        found=found,
    )


def verified(stream: BinaryIO, digest: str, size_bytes: int) -> BinaryIO:
    """``stream`` read through, not seekable; the read that reaches the end raises Corrupt where bytes differ."""
    return io.BufferedReader(_Verified(stream, digest, size_bytes), buffer_size=2**20)


class _Verified(io.RawIOBase):
    def __init__(self, stream: BinaryIO, digest: str, size_bytes: int) -> None:
        self._stream = stream
        self._digest = digest
        self._size = size_bytes
        self._position = 0
        self._hasher = blake3()
        self._checked = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        if not len(view):
            return 0
        data = self._stream.read(min(len(view), CHUNK_BYTES))
        self._hasher.update(data)
        view[: len(data)] = data
        self._position += len(data)
        # checked when the last byte is handed out: who reads exactly `size` bytes never asks for more
        if not data or self._position >= self._size:
            self._check()
        return len(data)

    def _check(self) -> None:
        found = digest_of(self._hasher)
        if found != self._digest:
            raise corrupt(self._digest, found)

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
        super().close()
