"""A version as files for people: one of them, or all of them in a zip with the code that loads them."""

from __future__ import annotations

import json
import mimetypes
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import Any, BinaryIO, cast

from ..contract.base import File
from ..errors import NotFound
from ..records import Record
from ..system import Download
from .manifest import check_path, files_of
from .plugin import Store


def open_file(store: Store, record: Record, content: dict[str, Any], path: str) -> Download:
    """One file. Raises InvalidInput for a path that leaves the version, NotFound, Corrupt while reading."""
    check_path(path)
    file = _find(files_of(content), path)
    if file is None or file.digest is None:
        raise NotFound(
            f"The version {record.scope}@{int(record.key)} has no file '{path[:200]}'.", noun="file", name=path
        )
    media_type = mimetypes.guess_type(path)[0] or "application/octet-stream"
    return Download(path.rpartition("/")[2], store.open(file.digest), file.size_bytes, media_type)


def _find(files: list[File], path: str) -> File | None:
    return next((file for file in files if file.path == path), None)


def zip_version(store: Store, record: Record, content: dict[str, Any], load_code: str, scratch: Path) -> Download:
    """All files in ``<model>-v<n>/model/``, with ``load.py``, ``requirements.txt`` and ``version.json`` beside.

    It is put together in a nameless temporary file in ``scratch`` before the first byte is sent: what is damaged
    is found then, and the size is known. Raises Corrupt.
    """
    top = f"{record.scope}-v{int(record.key)}"
    stamp = _stamp(record.doc.get("created_at", ""))
    stream = cast(BinaryIO, tempfile.TemporaryFile(dir=scratch))  # noqa: SIM115  whoever downloads closes it
    try:
        # stored, not compressed: weights do not shrink, and compressing takes longer than sending
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
            for file in files_of(content):
                entry = zipfile.ZipInfo(f"{top}/model/{check_path(file.path)}", stamp)
                entry.file_size = file.size_bytes
                with store.open(file.digest or "") as source, archive.open(entry, "w") as target:
                    shutil.copyfileobj(source, target, 1 << 20)
            about = {**content, "model": record.scope, "version": int(record.key)}
            texts = {
                "load.py": load_code,
                "requirements.txt": "".join(f"{line}\n" for line in content.get("requirements") or []),
                "version.json": json.dumps(about, indent=2, sort_keys=True) + "\n",
            }
            for name, text in texts.items():
                archive.writestr(zipfile.ZipInfo(f"{top}/{name}", stamp), text)
        size = stream.tell()
        stream.seek(0)
    except BaseException:
        stream.close()
        raise
    return Download(f"{top}.zip", stream, size, "application/zip")


def _stamp(created_at: str) -> tuple[int, int, int, int, int, int]:
    """The version's own time, so that two downloads are the same bytes."""
    try:
        year, month, day = (int(part) for part in created_at[:10].split("-"))
        hour, minute, second = (int(part) for part in created_at[11:19].split(":"))
    except ValueError:
        return 1980, 1, 1, 0, 0, 0
    return year, month, day, hour, minute, second
