"""Lists of models and versions: the user's filter and sort become a query of the records."""

from __future__ import annotations

from ..contract.model import ListModels, ListVersions, ModelPage, VersionPage
from ..records import Query
from .catalog import Catalog, to_version
from .fields import resolve_path

#: enough newest documents to know which bare names are metrics and which are parameters
_SAMPLE = 5


def list_models(catalog: Catalog, request: ListModels) -> ModelPage:
    """Last changed first, unless sorted otherwise."""
    page = catalog.records.list(
        "model",
        Query(
            where=resolve_path.filter(request.filter, "model"),
            sort=resolve_path(request.sort, "model") if request.sort else "updated_at",
            descending=request.order == "desc",
            limit=request.limit,
            cursor=request.cursor,
            count=request.count,
        ),
    )
    items = [catalog.to_model(record) for record in page.items]
    return ModelPage(items=items, next_cursor=page.next_cursor, total=page.total)


def list_versions(catalog: Catalog, request: ListVersions) -> VersionPage:
    """Newest first, unless sorted otherwise. ``alias = production`` in the filter finds what the alias points at."""
    aliases = catalog.model(request.model).doc.get("aliases") or {}
    needs_names = bool(request.filter or request.sort)
    sample = Query(where='state = "active"', descending=True, limit=_SAMPLE)
    newest = (
        [record.doc for record in catalog.records.list("version", sample, scope=request.model).items]
        if needs_names
        else []
    )
    chosen = resolve_path.filter(request.filter, "version", newest, aliases=aliases)
    state = f'state = "{request.state}"'
    page = catalog.records.list(
        "version",
        Query(
            where=f"{state} and ({chosen})" if chosen else state,
            # numbers sort as keys do, and the key needs no look into the document
            sort="" if request.sort in ("", "version") else resolve_path(request.sort, "version", newest),
            descending=request.order == "desc",
            limit=request.limit,
            cursor=request.cursor,
            count=request.count,
        ),
        scope=request.model,
    )
    items = [to_version(record.doc, aliases) for record in page.items]
    return VersionPage(items=items, next_cursor=page.next_cursor, total=page.total)
