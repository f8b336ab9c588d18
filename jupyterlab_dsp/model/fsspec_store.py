"""Artifacts behind any fsspec file system. ``MemoryStore`` is one; S3, GCS and HDFS need only their address."""

from __future__ import annotations

import contextlib
import io
import posixpath
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, BinaryIO, cast

import fsspec
from pydantic import BaseModel, ConfigDict, Field

from ..errors import Conflict, InvalidInput, NotFound
from ..paths import Paths
from .blobs import CHUNK_BYTES, corrupt, digest_of, hash_stream, hex_of, new_hasher, verified
from .locks import FairLock
from .plugin import Blob

#: an upload that is older than this belongs to a writer that was killed
_ABANDONED_S = 24 * 3600.0
_NAME = re.compile(r"[0-9a-f]{62}")


class FsspecStore:
    """Content-addressed objects below one fsspec address.

    Bytes are uploaded under a name of their own in ``tmp/`` and published by a move when they are whole. Where
    the file system shows an object only when its upload is complete (``atomic_put``), small blobs go straight to
    their place. The lock is of this machine: let one machine at a time collect a shared bucket.
    """

    name = "fsspec"
    label = "Remote storage (fsspec)"

    class Config(BaseModel):
        model_config = ConfigDict(extra="forbid")

        url: str = Field(description="Address, such as s3://bucket/folder or memory://store.")
        options: dict[str, Any] = Field(default_factory=dict, description="Passed to the fsspec file system.")
        atomic_put: bool = Field(
            default=False,
            description="An object is visible only when its upload is complete (object stores).",
        )

    @classmethod
    def available(cls) -> str | None:
        """Why it cannot be used here, or None."""
        return None

    def __init__(self, config: Config, *, paths: Paths) -> None:
        self._fs, root = fsspec.core.url_to_fs(config.url, **config.options)
        self._root = str(root).rstrip("/")
        self._atomic = config.atomic_put
        name = re.sub(r"[^A-Za-z0-9]+", "-", config.url).strip("-")[:100]
        self._lock = FairLock(paths.store / f"{name}.lock")
        for folder in ("blobs", "tmp"):
            self._fs.makedirs(f"{self._root}/{folder}", exist_ok=True)

    def writing(self) -> AbstractContextManager[None]:
        """Shared; see ``Store.writing``."""
        return self._lock.shared()

    @contextlib.contextmanager
    def collecting(self) -> Iterator[None]:
        """Exclusive on this machine; removes uploads that were abandoned."""
        with self._lock.exclusive():
            for path in self._list(f"{self._root}/tmp"):
                # the name begins with the time: other machines may be uploading
                began = posixpath.basename(path).split("-")[0]
                if began.isdigit() and time.time() - int(began) > _ABANDONED_S:
                    with contextlib.suppress(FileNotFoundError):
                        self._fs.rm_file(path)
            yield

    def put(self, source: Path | bytes | BinaryIO, *, move: bool = False) -> Blob:
        """Upload bytes, hashed first where they can be read twice, so that known bytes are not sent again."""
        with self._lock.shared(join=True):
            if isinstance(source, bytes | bytearray | memoryview):
                return self._put_stream(io.BytesIO(source))
            if not isinstance(source, Path):
                return self._put_stream(source)
            try:
                with source.open("rb") as file:
                    blob = self._put_stream(file)
            except FileNotFoundError:
                raise NotFound.of("file", str(source)) from None
            except IsADirectoryError:
                raise InvalidInput(f"'{source}' is no regular file.", field="source") from None
            if move:
                source.unlink()
            return blob

    def _put_stream(self, stream: BinaryIO) -> Blob:
        if stream.seekable():
            start = stream.tell()
            digest, size = hash_stream(stream)
            if self.size(digest) == size:
                return Blob(digest, size)
            stream.seek(start)
            if self._atomic and size <= CHUNK_BYTES:
                return self._put_small(stream.read())
        temporary = f"{self._root}/tmp/{int(time.time())}-{secrets.token_hex(12)}"
        hasher, size = new_hasher(), 0
        try:
            with self._fs.open(temporary, "wb") as file:
                while data := stream.read(CHUNK_BYTES):
                    hasher.update(data)
                    size += len(data)
                    file.write(data)
            digest = digest_of(hasher)
            if self.size(digest) != size:
                self._publish(temporary, digest)
        finally:
            with contextlib.suppress(FileNotFoundError):
                self._fs.rm_file(temporary)
        return Blob(digest, size)

    def _put_small(self, data: bytes) -> Blob:
        hasher = new_hasher()
        hasher.update(data)
        digest = digest_of(hasher)
        self._make_folder(digest)
        self._fs.pipe_file(self._path(digest), data)
        return Blob(digest, len(data))

    def _publish(self, temporary: str, digest: str) -> None:
        self._make_folder(digest)
        try:
            self._fs.mv(temporary, self._path(digest))
        except FileNotFoundError:
            raise Conflict("The upload was removed by somebody while it went on.") from None
        except OSError:
            # some file systems refuse to move onto a blob that another writer has just published
            if self.size(digest) is None:
                raise

    def _make_folder(self, digest: str) -> None:
        self._fs.makedirs(posixpath.dirname(self._path(digest)), exist_ok=True)

    def open(self, digest: str, *, verify: bool = True) -> BinaryIO:
        """A readable stream; seekable only without ``verify``."""
        size = self.size(digest)
        if size is None:
            raise NotFound.of("blob", digest)
        stream = self._open(digest)
        return verified(stream, digest, size) if verify else stream

    def _open(self, digest: str) -> BinaryIO:
        try:
            return cast(BinaryIO, self._fs.open(self._path(digest), "rb"))
        except FileNotFoundError:
            raise NotFound.of("blob", digest) from None

    def fetch(self, digest: str, target: Path) -> None:
        """A verified copy at ``target``; it appears only when it is whole."""
        target = Path(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{secrets.token_hex(12)}.part")
        hasher = new_hasher()
        try:
            with self._open(digest) as source, temporary.open("xb") as copy:
                while data := source.read(CHUNK_BYTES):
                    hasher.update(data)
                    copy.write(data)
            if digest_of(hasher) != digest:
                raise corrupt(digest, digest_of(hasher))
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)

    def size(self, digest: str) -> int | None:
        """Bytes, or None where there is no such blob."""
        try:
            return int(self._fs.size(self._path(digest)))
        except FileNotFoundError:
            return None

    def blobs(self) -> Iterator[Blob]:
        """All blobs, in no order."""
        for folder in self._list(f"{self._root}/blobs"):
            for path in self._list(folder):
                name = posixpath.basename(path)
                digest = f"blake3:{posixpath.basename(folder)}{name}"
                if _NAME.fullmatch(name) and (size := self.size(digest)) is not None:
                    yield Blob(digest, size)

    def remove(self, digest: str) -> int:
        """Delete a blob; returns the bytes freed."""
        size = self.size(digest)
        if size is None:
            return 0
        try:
            self._fs.rm_file(self._path(digest))
        except FileNotFoundError:
            return 0
        return size

    def _list(self, folder: str) -> list[str]:
        try:
            return [str(path).rstrip("/") for path in self._fs.ls(folder, detail=False, refresh=True)]
        except FileNotFoundError:
            return []

    def _path(self, digest: str) -> str:
        name = hex_of(digest)
        return f"{self._root}/blobs/{name[:2]}/{name[2:]}"
