"""Artifacts on a local disk: ``blobs/ab/cdef...`` named by digest, written in ``tmp/`` and renamed into place."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import io
import os
import re
import secrets
import shutil
import stat
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field

from ..errors import InvalidInput, NotFound
from ..paths import Paths
from .blobs import CHUNK_BYTES, corrupt, digest_of, hash_stream, hex_of, new_hasher, verified
from .locks import FairLock
from .plugin import Blob

#: from this size on, hashing and writing back go on at the same time
_LARGE_BYTES = 2**20
#: bytes after which the disk is set to work while the rest is still being written
_WRITEBACK_BYTES = 16 * 2**20
#: a blob younger than this may not have its folder entry on the disk yet
_FRESH_S = 60.0
_NAME = re.compile(r"[0-9a-f]{62}")


class LocalStore:
    """Content-addressed files below one folder.

    A blob appears by a rename, after its bytes are synced; the folder is synced before ``put`` returns. Writers
    killed in between leave a file in ``tmp/`` that nobody sees and that the next ``collecting`` removes.
    """

    name = "local"
    label = "Local disk"

    class Config(BaseModel):
        model_config = ConfigDict(extra="forbid")

        url: str = Field(default="", description="Folder, as a path or a file:// address. Empty: 'store' in the home.")

    @classmethod
    def available(cls) -> str | None:
        """Why it cannot be used here, or None."""
        return None

    def __init__(self, config: Config, *, paths: Paths) -> None:
        root = _folder_of(config.url) if config.url else paths.store
        self._root = root
        self._blobs = root / "blobs"
        self._tmp = root / "tmp"
        for folder in (self._blobs, self._tmp):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = FairLock(root / "store.lock")

    def writing(self) -> AbstractContextManager[None]:
        """Hold this from the first ``put`` of an artifact until the record that refers to it is written.

        Shared; reentrant in a thread; a ``put`` of a helper thread counts as part of it.
        """
        return self._lock.shared()

    @contextlib.contextmanager
    def collecting(self) -> Iterator[None]:
        """Exclusive; removes what killed writers left. Waits for the writers of now, before those of later."""
        with self._lock.exclusive():
            # nobody writes: whatever lies here belongs to nobody
            for entry in os.scandir(self._tmp):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(entry.path)
            yield

    # -- write ---------------------------------------------------------------------------------------------

    def put(self, source: Path | bytes | BinaryIO, *, move: bool = False) -> Blob:
        """Store bytes; returns once they are whole and synced. Raises InvalidInput for what is no file."""
        with self._lock.shared(join=True):
            if isinstance(source, bytes | bytearray | memoryview):
                return self._put_bytes(bytes(source))
            if isinstance(source, str | os.PathLike):
                return self._put_path(Path(source), move)
            return self._put_stream(source)

    def _put_bytes(self, data: bytes) -> Blob:
        hasher = new_hasher()
        hasher.update(data)
        digest = digest_of(hasher)
        if self._has(digest, len(data)):
            return Blob(digest, len(data))
        return self._put_stream(io.BytesIO(data))

    def _put_path(self, path: Path, move: bool) -> Blob:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | (os.O_NOFOLLOW if move else 0))
        except FileNotFoundError:
            raise NotFound.of("file", str(path)) from None
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
            # a link: the caller gives the link away, not what it points to
            blob = self._put_path(path, False)
            path.unlink()
            return blob
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            os.close(descriptor)
            raise InvalidInput(f"'{path}' is no regular file.", field="source")
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            # a second name for the file would let its owner change the blob later
            if move and facts.st_nlink == 1 and facts.st_dev == os.stat(self._tmp).st_dev:
                return self._adopt(path, file, facts)
            digest, size = hash_stream(file)
            if not self._has(digest, size):
                file.seek(0)
                # hashed again while it is copied: somebody may be changing it
                blob = self._put_stream(file)
            else:
                blob = Blob(digest, size)
        if move:
            path.unlink()
        return blob

    def _adopt(self, path: Path, file: io.FileIO, facts: os.stat_result) -> Blob:
        syncing = _Syncing(file.fileno()) if facts.st_size >= _LARGE_BYTES else None
        digest, size = hash_stream(file)
        if self._has(digest, size):
            path.unlink()  # the sync, if any, ends by itself; nobody needs to wait for it
            return Blob(digest, size)
        os.fchmod(file.fileno(), 0o400)
        if syncing:
            syncing.wait()
        os.fsync(file.fileno())  # the mode, and all where nothing was begun before
        self._publish(path, digest)
        return Blob(digest, size)

    def _put_stream(self, stream: BinaryIO) -> Blob:
        path = self._tmp / secrets.token_hex(12)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb", buffering=0) as file:
                digest, size = _copy(stream, file)
                if self._has(digest, size):
                    return Blob(digest, size)
                os.fchmod(descriptor, 0o400)
                os.fsync(descriptor)
            self._publish(path, digest)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
        return Blob(digest, size)

    def _publish(self, path: Path, digest: str) -> None:
        target = self._path(digest)
        try:
            os.replace(path, target)
        except FileNotFoundError:
            target.parent.mkdir(exist_ok=True, mode=0o700)
            _sync_folder(self._blobs)
            os.replace(path, target)
        _sync_folder(target.parent)

    def _has(self, digest: str, size: int) -> bool:
        """Whether the blob is there, whole by its size, and stays after a crash."""
        path = self._path(digest)
        try:
            facts = path.stat()
        except FileNotFoundError:
            return False
        if facts.st_size != size:
            return False  # cut short by a crash of the machine: the new bytes replace it
        if abs(time.time() - facts.st_ctime) < _FRESH_S:
            _sync_folder(path.parent)  # its writer may have been killed before it did so itself
        return True

    # -- read ----------------------------------------------------------------------------------------------

    def open(self, digest: str, *, verify: bool = True) -> BinaryIO:
        """A readable stream; seekable only without ``verify``. Raises NotFound, and Corrupt at the last read."""
        file = self._open(digest)
        if not verify:
            return file
        return verified(file, digest, os.fstat(file.fileno()).st_size)

    def fetch(self, digest: str, target: Path) -> None:
        """A copy at ``target`` that the caller may change; it appears only when it is verified."""
        target = Path(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{secrets.token_hex(12)}.part")
        try:
            with self._open(digest) as source, temporary.open("xb") as copy:
                _clone(source.fileno(), copy.fileno())
            with temporary.open("rb", buffering=0) as copied:
                found, _ = hash_stream(copied)
            if found != digest:
                raise corrupt(digest, found)
            os.replace(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)

    def size(self, digest: str) -> int | None:
        """Bytes, or None where there is no such blob."""
        try:
            return self._path(digest).stat().st_size
        except FileNotFoundError:
            return None

    def blobs(self) -> Iterator[Blob]:
        """All blobs, in no order."""
        for folder in os.scandir(self._blobs):
            if len(folder.name) != 2 or not folder.is_dir():
                continue
            for entry in os.scandir(folder.path):
                if _NAME.fullmatch(entry.name):
                    with contextlib.suppress(FileNotFoundError):
                        yield Blob(f"blake3:{folder.name}{entry.name}", entry.stat().st_size)

    def remove(self, digest: str) -> int:
        """Delete a blob; returns the bytes freed. Streams that are open go on to its end."""
        path = self._path(digest)
        try:
            freed = path.stat().st_size
            path.unlink()
        except FileNotFoundError:
            return 0
        return freed

    def _open(self, digest: str) -> BinaryIO:
        try:
            return self._path(digest).open("rb")
        except FileNotFoundError:
            raise NotFound.of("blob", digest) from None

    def _path(self, digest: str) -> Path:
        name = hex_of(digest)
        return self._blobs / name[:2] / name[2:]


def _folder_of(url: str) -> Path:
    """A path or a file:// address as a folder. Raises InvalidInput for other schemes."""
    if "://" not in url:
        return Path(url).expanduser().absolute()
    parts = urlsplit(url)
    if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
        raise InvalidInput(
            f"The local store cannot keep artifacts at '{url}'.",
            hint="Give a folder, or choose the store plug-in for that kind of storage.",
            field="url",
        )
    return Path(unquote(parts.path))


def _copy(stream: BinaryIO, file: io.FileIO) -> tuple[str, int]:
    """Write a stream to a file; each piece is hashed by a thread while it is written, and the disk starts early."""
    hasher, size, begun = new_hasher(), 0, 0
    while data := stream.read(CHUNK_BYTES):
        worker: threading.Thread | None = None
        if len(data) >= _LARGE_BYTES:
            worker = threading.Thread(target=hasher.update, args=(data,))
            worker.start()
        else:
            hasher.update(data)
        view = memoryview(data)
        while view:
            view = view[file.write(view) :]
        size += len(data)
        if size - begun >= _WRITEBACK_BYTES:
            _start_writeback(file.fileno(), begun, size - begun)
            begun = size
        if worker:
            worker.join()
    return digest_of(hasher), size


def _clone(source: int, target: int) -> None:
    """Copy inside the kernel: shares the blocks where the file system can (XFS, Btrfs)."""
    if hasattr(os, "copy_file_range"):
        try:
            while os.copy_file_range(source, target, 2**30):
                pass
            return
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM):
                raise
            os.lseek(source, 0, os.SEEK_SET)
            os.lseek(target, 0, os.SEEK_SET)
            os.ftruncate(target, 0)
    with os.fdopen(os.dup(source), "rb") as reader, os.fdopen(os.dup(target), "wb") as writer:
        shutil.copyfileobj(reader, writer, CHUNK_BYTES)


class _Syncing:
    """A sync that goes on in a thread while the same file is hashed."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = os.dup(descriptor)
        self._error: OSError | None = None
        self._thread = threading.Thread(target=self._sync, daemon=True)
        self._thread.start()

    def _sync(self) -> None:
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            self._error = error
        finally:
            os.close(self._descriptor)

    def wait(self) -> None:
        self._thread.join()
        if self._error:
            raise self._error  # the kernel reports a lost write once: a second fsync would say all is well


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network mounts cannot sync a folder
            raise
    finally:
        os.close(descriptor)


def _start_writeback(descriptor: int, offset: int, length: int) -> None:
    """Set the disk to work on what was written; does not wait. Only a hint, so failures do not matter."""
    if sys.platform == "linux":
        with contextlib.suppress(AttributeError, OSError):
            write = 2  # SYNC_FILE_RANGE_WRITE
            ctypes.CDLL(None).sync_file_range(
                descriptor, ctypes.c_int64(offset), ctypes.c_int64(length), ctypes.c_uint(write)
            )
