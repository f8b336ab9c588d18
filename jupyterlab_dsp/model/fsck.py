"""Checking that every version is whole."""

from __future__ import annotations

from collections.abc import Iterator

from ..contract.base import File
from ..contract.model import Fsck, FsckProblem, FsckReport
from ..errors import Corrupt, NotFound
from ..paths import Paths
from ..records import Record, Records
from .catalog import Catalog
from .manifest import files_of, read_manifest
from .plugin import Store
from .references import needed_digests

_CHUNK = 1 << 20


class Checker:
    """One check. Every blob is read once, however many versions share it."""

    def __init__(self, records: Records, store: Store, paths: Paths, *, read: bool) -> None:
        self._catalog = Catalog(records)
        self._records = records
        self._store = store
        self._paths = paths
        self._read = read
        self._seen: dict[str, tuple[int | None, str | None]] = {}
        self._versions = 0

    def run(self, request: Fsck) -> FsckReport:
        """Raises NotFound for a model that does not exist; damage is reported, never raised."""
        models = [self._catalog.model(request.model)] if request.model else list(self._catalog.models())
        problems = [problem for model in models for problem in self._model(model)]
        orphan_bytes = self._orphan_bytes()
        sizes = [size for size, _ in self._seen.values() if size is not None]
        return FsckReport(
            is_clean=not problems,
            models=len(models),
            versions=self._versions,
            blobs=len(sizes),
            size_bytes=sum(sizes),
            orphan_bytes=orphan_bytes,
            problems=problems,
        )

    def _model(self, model: Record) -> Iterator[FsckProblem]:
        # aliases as of before the versions are read: a version made later cannot make one dangle
        aliases = dict(model.doc.get("aliases") or {})
        expected, states = 1, {}
        for record in self._catalog.versions(model.key):
            number = int(record.doc["version"])
            for missing in range(expected, min(number, expected + 100)):
                yield FsckProblem(
                    kind="gap", where=f"{model.key}@{missing}", message="There is no record of this version."
                )
            expected = number + 1
            states[number] = record.doc["state"]
            if record.doc["state"] != "purged":
                self._versions += 1
                yield from self._version(record)
        for alias, number in aliases.items():
            if states.get(number) != "active" and self._still_dangles(model.key, alias, number):
                state = states.get(number, "missing")
                yield FsckProblem(
                    kind="dangling_alias",
                    where=f"{model.key}@{alias}",
                    message=f"It points at version {number}, which is {state}.",
                )

    def _still_dangles(self, model: str, alias: str, number: int) -> bool:
        aliases = self._catalog.model(model).doc.get("aliases") or {}
        return bool(aliases.get(alias) == number)

    def _version(self, record: Record) -> Iterator[FsckProblem]:
        where = f"{record.scope}@{int(record.key)}"
        digest = record.doc["_manifest"]
        try:
            content = read_manifest(self._store, digest)
            files = files_of(content)
        except Corrupt as error:
            if not self._is_purged_now(record):
                yield FsckProblem(kind="unreadable_manifest", where=where, message=str(error))
            return
        self._seen.setdefault(digest, (self._store.size(digest), None))
        if environment := content.get("environment_digest"):
            files.append(File(path="(environment)", size_bytes=-1, digest=environment))
        for file in files:
            size, problem = self._blob(file.digest or "")
            if problem is None and file.size_bytes >= 0 and size != file.size_bytes:
                problem = f"It has {size} bytes instead of {file.size_bytes}."
            if problem and not self._is_purged_now(record):
                kind = "missing" if size is None else "corrupt"
                yield FsckProblem.model_validate({"kind": kind, "where": f"{where}/{file.path}", "message": problem})

    def _is_purged_now(self, record: Record) -> bool:
        found = self._records.get("version", record.key, scope=record.scope)
        return found is not None and found.doc["state"] == "purged"

    def _blob(self, digest: str) -> tuple[int | None, str | None]:
        """(size or None, what is wrong or None)."""
        if digest not in self._seen:
            self._seen[digest] = self._look(digest)
        return self._seen[digest]

    def _look(self, digest: str) -> tuple[int | None, str | None]:
        size = self._store.size(digest)
        if size is None:
            return None, f"The store has no {digest}."
        if self._read:
            try:
                with self._store.open(digest) as stream:
                    while stream.read(_CHUNK):
                        pass
            except Corrupt as error:
                return size, str(error)
            except NotFound:
                return None, f"The store has no {digest}."
        return size, None

    def _orphan_bytes(self) -> int:
        """Bytes that the next purge would free beside the trash, and what writers at work have written so far."""
        try:
            needed = needed_digests(self._records, self._store, self._paths)
        except Corrupt:
            return 0  # reported above; without that manifest nobody can say what is an orphan
        return sum(blob.size_bytes for blob in self._store.blobs() if blob.digest not in needed)
