"""Reading models and versions from the records; what every use case of the area needs."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from ..contract.model import Model, Version
from ..errors import Conflict, NotFound
from ..records import MAX_PAGE, Json, Query, Record, Records
from .refs import version_key, version_number


class Catalog:
    """Models and versions as they are stored: kind "model" by name, kind "version" by model and number."""

    def __init__(self, records: Records) -> None:
        self.records = records

    def model(self, name: str) -> Record:
        """Raises NotFound that suggests a name."""
        record = self.records.get("model", name)
        if record is None:
            names = [each.key for each in self.records.list("model", Query(limit=MAX_PAGE)).items]
            near = get_close_matches(name, names, n=1)
            hint = f"Did you mean '{near[0]}'?" if near else None
            if not names:
                hint = "No model is stored yet: dsp.save(model, 'name') stores one."
            raise NotFound.of("model", name, hint)
        return record

    def version(self, model: str, version: int) -> Record:
        """Whatever its state. Raises NotFound."""
        record = self.records.get("version", version_key(version), scope=model)
        if record is None:
            self.model(model)  # the model itself may be what is missing
            count = self.version_count(model)
            raise NotFound(
                f"The model '{model}' has no version {version}.",
                hint=f"It has the versions 1 to {count}." if count else "It has no versions yet.",
                noun="version",
                name=f"{model}@{version}",
            )
        return record

    def latest(self, model: str) -> Record | None:
        """The newest version that is active; None where there is none."""
        query = Query(where='state = "active"', descending=True, limit=1)
        items = self.records.list("version", query, scope=model).items
        return items[0] if items else None

    def version_count(self, model: str) -> int:
        """Versions ever made: numbers are never used twice, so it is the highest one."""
        items = self.records.list("version", Query(descending=True, limit=1), scope=model).items
        return int(items[0].doc["version"]) if items else 0

    def versions(self, model: str | None, where: str = "") -> Iterator[Record]:
        """All that match, page by page; ``model=None`` for all models."""
        cursor = None
        while True:
            page = self.records.list("version", Query(where=where, limit=MAX_PAGE, cursor=cursor), scope=model)
            yield from page.items
            cursor = page.next_cursor
            if cursor is None:
                return

    def models(self) -> Iterator[Record]:
        cursor = None
        while True:
            page = self.records.list("model", Query(limit=MAX_PAGE, cursor=cursor))
            yield from page.items
            cursor = page.next_cursor
            if cursor is None:
                return

    def resolve(self, model: str, ref: str) -> Record:
        """The version that a number, an alias or "latest" names, if it is not deleted.

        Raises NotFound (naming the aliases there are), Conflict where it is in the trash or purged.
        """
        number = version_number(ref)
        if ref == "latest":
            record = self.latest(model)
            if record is None:
                self.model(model)
                raise NotFound.of("version", f"{model}@latest", "The model has no versions that are not deleted.")
            return record
        if number is None:
            aliases = self.model(model).doc.get("aliases") or {}
            if ref not in aliases:
                known = f"It has: {', '.join(sorted(aliases))}." if aliases else "It has no aliases yet."
                raise NotFound(
                    f"The model '{model}' has no alias '{ref[:100]}'.", hint=known, noun="alias", name=f"{model}@{ref}"
                )
            number = int(aliases[ref])
        return demand_active(self.version(model, number))

    def to_model(self, record: Record) -> Model:
        """As the contract shows it."""
        latest = self.latest(record.key)
        shown = to_version(latest.doc, record.doc.get("aliases") or {}) if latest else None
        return Model.model_validate(
            {
                **record.doc,
                "latest": shown,
                "latest_version": shown.version if shown else None,
                "version_count": self.version_count(record.key),
            }
        )


def demand_active(record: Record) -> Record:
    """The record itself. Raises Conflict that says how to get a deleted version back."""
    state, name = record.doc.get("state"), f"{record.scope}@{int(record.key)}"
    if state == "trashed":
        raise Conflict(f"The version {name} is in the trash.", hint="Restore it first.", state=state)
    if state == "purged":
        raise Conflict(f"The version {name} was purged; its files are gone.", state=state)
    return record


def to_version(doc: Json, aliases: dict[str, Any]) -> Version:
    """A row of a list; the aliases are kept on the model."""
    number = doc["version"]
    return Version.model_validate({**doc, "aliases": sorted(name for name, v in aliases.items() if v == number)})
