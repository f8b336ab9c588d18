"""A metric over the versions of a model."""

from __future__ import annotations

from ..contract.model import History, HistoryPoint, ReadHistory
from ..records import MAX_PAGE, Query, Record
from .catalog import Catalog
from .headline import choose_headline


def read_history(catalog: Catalog, request: ReadHistory) -> History:
    """Oldest first; versions without the metric are points without a value. Raises NotFound."""
    model = catalog.model(request.model)
    newest = _newest(catalog, request.model, request.limit)
    metrics = {name: None for record in newest for name in record.doc.get("metrics") or {}}
    metric = request.metric or model.doc.get("headline") or choose_headline(metrics) or ""
    named: dict[int, list[str]] = {}
    for alias, number in sorted((model.doc.get("aliases") or {}).items()):
        named.setdefault(number, []).append(alias)
    return History(
        model=request.model,
        metric=metric,
        metrics=sorted(metrics),
        points=[
            HistoryPoint(
                version=record.doc["version"],
                value=(record.doc.get("metrics") or {}).get(metric),
                created_at=record.doc["created_at"],
                aliases=named.get(record.doc["version"], []),
            )
            for record in reversed(newest)
        ],
    )


def _newest(catalog: Catalog, model: str, limit: int) -> list[Record]:
    found: list[Record] = []
    cursor = None
    while len(found) < limit:
        query = Query(where='state = "active"', descending=True, limit=min(limit - len(found), MAX_PAGE), cursor=cursor)
        page = catalog.records.list("version", query, scope=model)
        found += page.items
        cursor = page.next_cursor
        if cursor is None:
            break
    return found
