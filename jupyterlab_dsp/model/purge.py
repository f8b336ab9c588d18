"""Freeing the bytes of deleted versions. May be killed at any point: the next purge finishes the work."""

from __future__ import annotations

import shutil
import time

from ..contract.model import Purge, Purged
from ..errors import Conflict, InvalidInput
from ..paths import Paths
from ..records import Json, Record, Records
from .catalog import Catalog
from .documents import change, now
from .plugin import Store
from .references import needed_digests

#: a scratch folder that nobody touched for so long belongs to a killed process
_SCRATCH_AGE_S = 24 * 3600


def purge(records: Records, store: Store, paths: Paths, request: Purge) -> Purged:
    """Mark versions in the trash as purged, then remove every blob that nothing needs any more.

    Blobs that killed writers left are among them. Raises NotFound for a model or version that does not exist,
    Conflict for one that is not in the trash, InvalidInput for versions without a model.
    """
    chosen = _chosen(Catalog(records), request)
    count = len(chosen)
    if not request.dry_run:
        # The record first: from here on nobody can restore the version, so its blobs may go. The record itself
        # stays for ever, so that its number is never given out again.
        count = sum(_mark(records, record) for record in chosen)
    without = {(record.scope, record.key) for record in chosen}
    blobs = freed = 0
    with store.collecting():
        needed = needed_digests(records, store, paths, without=without if request.dry_run else None)
        for blob in list(store.blobs()):
            if blob.digest in needed:
                continue
            blobs += 1
            freed += blob.size_bytes if request.dry_run else store.remove(blob.digest)
    if not request.dry_run:
        _sweep_scratch(paths)
    return Purged(versions=count, blobs=blobs, freed_bytes=freed, dry_run=request.dry_run)


def _chosen(catalog: Catalog, request: Purge) -> list[Record]:
    if request.versions is not None and request.model is None:
        raise InvalidInput(
            "Versions can be named only together with their model.", hint="Give 'model' too.", field="model"
        )
    if request.model is not None:
        catalog.model(request.model)
    if request.versions is None or request.model is None:
        return list(catalog.versions(request.model, 'state = "trashed"'))
    chosen = []
    for number in sorted(set(request.versions)):
        record = catalog.version(request.model, number)
        if record.doc["state"] == "active":
            raise Conflict(
                f"The version {request.model}@{number} is not in the trash.",
                hint="Delete it first.",
                field="versions",
            )
        if record.doc["state"] == "trashed":
            chosen.append(record)
    return chosen


def _mark(records: Records, record: Record) -> bool:
    """Trashed becomes purged; False where somebody restored or purged it meanwhile."""
    marked = False

    def read() -> Record:
        found = records.get("version", record.key, scope=record.scope)
        return found or record

    def edit(doc: Json) -> Json | None:
        nonlocal marked
        marked = doc.get("state") == "trashed"
        return {**doc, "state": "purged", "purged_at": now()} if marked else None

    change(records, read, edit)
    return marked


def _sweep_scratch(paths: Paths) -> None:
    for path in paths.scratch.iterdir():
        try:
            if time.time() - path.stat().st_mtime > _SCRATCH_AGE_S:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        except FileNotFoundError:
            continue  # its owner was just done with it
