"""Which blobs are needed: by versions that are not purged, by runs, and by Specs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..paths import Paths
from ..records import MAX_PAGE, Query, Records
from .catalog import Catalog
from .manifest import read_manifest
from .plugin import Store

#: whoever stores a digest in a record keeps its blob, wherever in the document it stands
_DIGEST = re.compile(r"blake3:[0-9a-f]{64}")

#: kinds of records, beside versions, whose blobs are kept
_KEEPERS = ("run", "spec")


def needed_digests(
    records: Records, store: Store, paths: Paths, *, without: set[tuple[str, str]] | None = None
) -> set[str]:
    """Digests that must stay. Call it under ``store.collecting()``, else a writer may add one unseen.

    without: (model, key) of versions that are left out, as if they were purged already.
    Raises Corrupt where a version has so many files that only its manifest lists them, and that cannot be read:
    then nothing may be removed.
    """
    needed: set[str] = set()
    for record in Catalog(records).versions(None, 'state != "purged"'):
        if without and (record.scope, record.key) in without:
            continue
        needed.update(digests_in(record.doc))
        if record.doc.get("_blobs") is None:
            needed.update(digests_in(read_manifest(store, record.doc["_manifest"])))
    for kind in _KEEPERS:
        for key, doc in _documents(records, kind):
            needed.update(digests_in(doc))
            if kind == "run" and not doc.get("is_final"):
                needed.update(_of_live_run(paths.run(key)))
    return needed


def digests_in(value: Any) -> set[str]:
    """Every digest that a JSON value mentions."""
    return set(_DIGEST.findall(json.dumps(value)))


def _of_live_run(folder: Path) -> set[str]:
    """A run that is under way has told its artifacts only to the files in its folder."""
    found: set[str] = set()
    for file in folder.glob("*.json"):
        try:
            found.update(_DIGEST.findall(file.read_text(encoding="utf-8", errors="replace")))
        except FileNotFoundError:
            continue  # replaced by a newer one under another name
    return found


def _documents(records: Records, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    cursor = None
    while True:
        page = records.list(kind, Query(limit=MAX_PAGE, cursor=cursor), scope=None)
        for record in page.items:
            yield record.key, record.doc
        cursor = page.next_cursor
        if cursor is None:
            return
