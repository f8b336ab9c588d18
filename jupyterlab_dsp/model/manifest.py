"""The manifest of a version: what it consists of, as one blob of canonical JSON. Never changed once written."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from ..contract.base import File
from ..errors import Corrupt, InvalidInput, NotFound
from .plugin import Blob, SavedFile, Store

#: grows when a reader of today could not read what is written
SCHEMA = 1

#: more blobs than this are not repeated on the record, so that lists stay quick
_MAX_BLOBS_ON_RECORD = 64


def check_path(path: str) -> str:
    """A relative path with forward slashes that stays inside its folder. Raises InvalidInput."""
    parts = path.split("/")
    bad = (
        not path
        or len(path) > 4096
        or "\\" in path
        or "\x00" in path
        or path.startswith("/")
        or any(part in ("", ".", "..") for part in parts)
        or (len(parts[0]) > 1 and parts[0][1] == ":")
    )
    if bad or PurePosixPath(path).is_absolute():
        raise InvalidInput(f"'{path[:100]}' is not a path inside the version.", field="path")
    return path


def put_files(store: Store, files: Iterable[SavedFile]) -> list[File]:
    """Store the files. The caller holds ``store.writing()``. Raises InvalidInput for a bad or doubled path."""
    stored: dict[str, File] = {}
    for file in files:
        path = check_path(file.path)
        if path in stored:
            raise InvalidInput(f"The file '{path}' comes twice.", field="path")
        blob = store.put(file.source, move=file.move)
        stored[path] = File(path=path, size_bytes=blob.size_bytes, digest=blob.digest)
    return [stored[path] for path in sorted(stored)]


def put_manifest(store: Store, content: Mapping[str, Any]) -> Blob:
    """Write the manifest, after all files. The caller holds ``store.writing()``."""
    text = json.dumps({"schema": SCHEMA, **content}, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return store.put(text.encode())


def read_manifest(store: Store, digest: str) -> dict[str, Any]:
    """The verified manifest. Raises Corrupt where it is missing, changed, or newer than this program."""
    try:
        with store.open(digest) as stream:
            content = json.loads(stream.read())
    except NotFound as error:
        raise Corrupt(f"The manifest {digest} is missing from the store.", digest=digest) from error
    except ValueError as error:
        raise Corrupt(f"The manifest {digest} is not JSON.", digest=digest) from error
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        raise Corrupt(
            f"The manifest {digest} was written by a newer version of this program.",
            hint="Upgrade jupyterlab-dsp.",
            digest=digest,
        )
    return content


def files_of(content: Mapping[str, Any]) -> list[File]:
    """The files that a manifest lists."""
    return [File.model_validate(file) for file in content["files"]]


def blobs_on_record(files: Iterable[File]) -> list[str] | None:
    """Digests that a version's record repeats, so that a purge need not read manifests; None: too many."""
    digests = sorted({file.digest for file in files if file.digest})
    return digests if len(digests) <= _MAX_BLOBS_ON_RECORD else None
