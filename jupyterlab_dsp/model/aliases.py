"""Aliases and the trash. They watch each other: no alias ever points at a deleted version for long.

An alias lives on the model's document, the state on the version's, and no write covers both. So each side writes
first and looks at the other side after: whoever comes second sees what the first one did, and takes its own back.
"""

from __future__ import annotations

from collections.abc import Callable

from ..contract.model import DropAlias, OneVersion, Promote
from ..errors import Conflict, NotFound
from ..records import Json, Record, Records
from .catalog import Catalog, demand_active
from .documents import change, now


class Aliases:
    """Promote, unalias, delete, restore."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._records: Records = catalog.records

    def promote(self, request: Promote) -> Record:
        """Point the alias at the version. Raises NotFound, Conflict (deleted, or the alias is not as expected)."""
        model, alias, version = request.model, request.alias, request.version
        demand_active(self._catalog.version(model, version))
        before: list[int | None] = [None]

        def edit(doc: Json) -> Json | None:
            aliases = dict(doc.get("aliases") or {})
            before[0] = aliases.get(alias)
            if request.expect is not None and before[0] != request.expect:
                at = f"version {before[0]}" if before[0] is not None else "nothing"
                raise Conflict(
                    f"The alias '{alias}' points at {at}, not at version {request.expect}.",
                    hint="Look again, then promote.",
                    field="expect",
                    current=before[0],
                )
            if before[0] == version:
                return None
            return {**doc, "aliases": {**aliases, alias: version}, "updated_at": now()}

        record = self._change_model(model, edit)
        try:
            demand_active(self._catalog.version(model, version))
        except Conflict:
            self._take_back(model, alias, version, before[0])
            raise
        return record

    def _take_back(self, model: str, alias: str, version: int, before: int | None) -> None:
        def edit(doc: Json) -> Json | None:
            aliases = dict(doc.get("aliases") or {})
            if aliases.get(alias) != version:
                return None  # somebody moved it on meanwhile
            aliases.pop(alias)
            if before is not None and before != version:
                aliases[alias] = before
            return {**doc, "aliases": aliases, "updated_at": now()}

        self._change_model(model, edit)

    def drop(self, request: DropAlias) -> Record:
        """Raises NotFound where the model has no such alias."""

        def edit(doc: Json) -> Json:
            aliases = dict(doc.get("aliases") or {})
            if request.alias not in aliases:
                known = f"It has: {', '.join(sorted(aliases))}." if aliases else "It has no aliases."
                raise NotFound(f"The model '{request.model}' has no alias '{request.alias}'.", hint=known)
            aliases.pop(request.alias)
            return {**doc, "aliases": aliases, "updated_at": now()}

        return self._change_model(request.model, edit)

    def delete(self, request: OneVersion) -> Record:
        """Into the trash; once there nothing happens. Raises Conflict where an alias points at it, or it is purged."""
        self._refuse_aliased(request)

        def edit(doc: Json) -> Json | None:
            if doc["state"] == "purged":
                raise Conflict(f"The version {request.model}@{request.version} was purged; its files are gone.")
            return None if doc["state"] == "trashed" else {**doc, "state": "trashed", "trashed_at": now()}

        record = self._change_version(request, edit)
        try:
            self._refuse_aliased(request)
        except Conflict:
            self.restore(request)  # promoted at the same moment
            raise
        self._touch(request.model)
        return record

    def restore(self, request: OneVersion) -> Record:
        """Out of the trash; an active version stays as it is. Raises Conflict where it was purged."""

        def edit(doc: Json) -> Json | None:
            if doc["state"] == "purged":
                raise Conflict(
                    f"The version {request.model}@{request.version} was purged; its files are gone.",
                    hint="Train or save it again.",
                )
            return None if doc["state"] == "active" else {**doc, "state": "active", "trashed_at": None}

        record = self._change_version(request, edit)
        self._touch(request.model)
        return record

    def _refuse_aliased(self, request: OneVersion) -> None:
        aliases = self._catalog.model(request.model).doc.get("aliases") or {}
        names = sorted(name for name, version in aliases.items() if version == request.version)
        if names:
            quoted = ", ".join(f"'{name}'" for name in names)
            is_one = len(names) == 1
            raise Conflict(
                f"The version {request.model}@{request.version} has the alias{'' if is_one else 'es'} {quoted}.",
                hint=f"Point {'it' if is_one else 'them'} at another version or remove {'it' if is_one else 'them'} "
                "first.",
                aliases=names,
            )

    def _touch(self, model: str) -> None:
        self._change_model(model, lambda doc: {**doc, "updated_at": now()})

    def _change_model(self, name: str, edit: Callable[[Json], Json | None]) -> Record:
        return change(self._records, lambda: self._catalog.model(name), edit)

    def _change_version(self, request: OneVersion, edit: Callable[[Json], Json | None]) -> Record:
        return change(self._records, lambda: self._catalog.version(request.model, request.version), edit)
