"""Adding a version: files, then the manifest, then the record. The record makes all of it visible at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..contract.base import File
from ..contract.model import SpecRef, Version
from ..contract.notebook import DataUsed
from ..errors import Conflict, InvalidInput
from ..records import Json, Record
from .catalog import Catalog, to_version
from .documents import change, clean_json, clean_metrics, clean_params, now
from .headline import choose_headline
from .manifest import blobs_on_record, put_files, put_manifest, read_manifest
from .plugin import Saved, Store

#: what a manifest takes over when a version is copied with other metadata
_COPIED = ("files", "format", "facts", "signature", "requirements", "environment_digest", "unsafe_reason")


class VersionWriter:
    """Adds versions. Safe from any thread and process; a killed call leaves no version, or a whole one."""

    def __init__(self, catalog: Catalog, store: Store, user: str) -> None:
        self._catalog = catalog
        self._records = catalog.records
        self._store = store
        self._user = user

    def add(
        self,
        model: str,
        saved: Saved,
        *,
        format: str,
        metrics: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
        run_id: str | None = None,
        spec: SpecRef | None = None,
        data: Sequence[DataUsed] = (),
        tags: Mapping[str, str] | None = None,
        message: str = "",
        notebook: str = "",
        requirements: Sequence[str] = (),
        environment: bytes | None = None,
        environment_digest: str = "",
    ) -> Version:
        """Store the files of ``saved`` as the next version. Raises InvalidInput.

        environment: the full lock, stored as a blob of its own unless ``environment_digest`` names one already.
        """
        if not saved.files:
            raise InvalidInput("A version needs at least one file.", field="files")
        described = {
            "metrics": clean_metrics(metrics),
            "params": clean_params(params),
            "run_id": run_id,
            "spec": spec.model_dump() if spec else None,
            "data": [each.model_dump() for each in data],
            "message": message,
            "notebook": notebook,
        }
        with self._store.writing():
            if environment is not None and not environment_digest:
                environment_digest = self._store.put(environment).digest
            files = put_files(self._store, saved.files)
            content = {
                "files": [file.model_dump() for file in files],
                "format": format,
                "facts": clean_json(saved.facts),
                "signature": clean_json(saved.signature),
                "requirements": list(requirements),
                "environment_digest": environment_digest,
                "unsafe_reason": saved.unsafe_reason,
            }
            return self._publish(model, files, {**content, **described}, tags)

    def copy(
        self,
        source: Record,
        model: str,
        *,
        metrics: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
        message: str = "",
    ) -> Version:
        """A new version with the files of ``source`` and other metadata; no byte of a file is read or written.

        What is None is taken over.
        """
        with self._store.writing():
            # under the lock: blobs of a version that is not purged now stay until the new record is there
            if self._catalog.version(source.scope, int(source.key)).doc["state"] == "purged":
                raise Conflict(f"The version {source.scope}@{int(source.key)} was purged meanwhile.")
            old = read_manifest(self._store, source.doc["_manifest"])
            content = {name: old.get(name) for name in _COPIED}
            described = {
                "metrics": clean_metrics(metrics if metrics is not None else old.get("metrics")),
                "params": clean_params(params if params is not None else old.get("params")),
                "run_id": old.get("run_id"),
                "spec": old.get("spec"),
                "data": old.get("data") or [],
                "message": message,
                "notebook": old.get("notebook") or "",
            }
            files = [File.model_validate(file) for file in old["files"]]
            kept = dict(source.doc.get("tags") or {}) if tags is None else tags
            return self._publish(model, files, {**content, **described}, kept)

    def _publish(self, model: str, files: list[File], content: Json, tags: Mapping[str, str] | None) -> Version:
        """Manifest, model, record. The caller holds ``writing()``."""
        created_at = now()
        manifest = put_manifest(
            self._store, {**content, "model": model, "created_at": created_at, "created_by": self._user}
        )
        headline = choose_headline(content["metrics"])
        known = self._ensure_model(model, created_at, headline)
        doc = {
            "model": model,
            "state": "active",
            "created_at": created_at,
            "created_by": self._user,
            "format": content["format"],
            "size_bytes": sum(file.size_bytes for file in files),
            "metrics": content["metrics"],
            "params": content["params"],
            "tags": {str(name): str(value) for name, value in (tags or {}).items()},
            "description": "",
            "message": content["message"],
            "run_id": content["run_id"],
            "spec": content["spec"],
            "notebook": content["notebook"],
            "unsafe_reason": content["unsafe_reason"],
            "trashed_at": None,
            # keys with "_" are kept but not indexed: nobody searches for a digest
            "_manifest": manifest.digest,
            "_environment": content["environment_digest"],
            "_blobs": blobs_on_record(files),
        }
        record = self._records.append("version", doc, scope=model, number_field="version")
        self._touch(known, headline)
        return to_version(record.doc, {})

    def _ensure_model(self, model: str, created_at: str, headline: str | None) -> Record:
        record = self._records.get("model", model)
        if record is not None:
            return record
        doc: Json = {
            "name": model,
            "description": "",
            "tags": {},
            "aliases": {},
            "headline": headline,
            "created_at": created_at,
            "updated_at": created_at,
        }
        try:
            return self._records.put("model", model, doc, expect=0)
        except Conflict:
            found = self._records.get("model", model)  # somebody made it at the same moment
            assert found is not None
            return found

    def _touch(self, record: Record, headline: str | None) -> None:
        """Say on the model that it changed, unless somebody said so since ``record`` was read.

        Looking first costs no write lock: with many writers to one model, nearly all of them find it said.
        """
        now_there = self._records.get("model", record.key)
        if now_there is None:
            return
        if now_there.revision == record.revision:
            doc = {**record.doc, "updated_at": now(), "headline": record.doc.get("headline") or headline}
            try:
                self._records.put("model", record.key, doc, expect=record.revision)
                return
            except Conflict:
                pass  # said by somebody else in this moment
        if record.doc.get("headline") is None and headline is not None:
            self._set_headline(record.key, headline)

    def _set_headline(self, model: str, headline: str) -> None:
        change(
            self._records,
            lambda: self._catalog.model(model),
            lambda doc: None if doc.get("headline") else {**doc, "headline": headline},
        )
