"""Records: JSON documents with compare-and-set, filter, sort and keyset pages.

This is the one interface that SQLite, PostgreSQL, MongoDB and ArangoDB answer. It knows nothing of runs or
models. A record is addressed by ``kind`` ("run"), an optional ``scope`` (the model that a version belongs to)
and a ``key`` that is unique within kind and scope. Every change gives the record a new ``revision`` and takes
the next number of one sequence over all records, so that any process can ask what changed since.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

Json = dict[str, Any]

#: Largest page that one call returns.
MAX_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Record:
    """One stored document. ``revision`` starts at 1 and grows by 1 with each change."""

    kind: str
    scope: str
    key: str
    revision: int
    doc: Json


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of the change sequence: which record changed (or was deleted), not how."""

    seq: int
    kind: str
    scope: str
    key: str
    deleted: bool


@dataclass(frozen=True, slots=True)
class Query:
    """What to list.

    where: a filter expression (see ``filters.py``), "" for all; its paths are paths into the document.
    sort: a path into the document ("metrics.val_accuracy"; plain, without quotes), or "" for the key. Numbers come
        before text and text before booleans; text sorts by its first 256 characters. Records that lack the path, or
        hold null, NaN or a list there, come last, whatever the direction.
    descending: the direction; ties are broken by key in the same direction.
    limit: 1 .. MAX_PAGE.   cursor: ``Page.next_cursor`` of the page before.
    count: also count all matches (costs a scan where there is a filter).
    """

    where: str = ""
    sort: str = ""
    descending: bool = False
    limit: int = 50
    cursor: str | None = None
    count: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """``next_cursor`` is None on the last page. ``total`` is None unless the query asked to count."""

    items: Sequence[Record] = field(default_factory=tuple)
    next_cursor: str | None = None
    total: int | None = None


@runtime_checkable
class Records(Protocol):
    """What a record plug-in implements. All calls are synchronous, safe from any thread and any process.

    A call that returned is durable: it survives a killed process, and a killed machine where the storage
    honours a sync. A killed call has happened wholly or not at all.
    """

    name: str
    label: str

    def get(self, kind: str, key: str, *, scope: str = "") -> Record | None:
        """The record, or None."""
        ...

    def put(self, kind: str, key: str, doc: Mapping[str, Any], *, scope: str = "", expect: int | None = None) -> Record:
        """Create or replace.

        expect: None replaces whatever is there; 0 demands that there is none; n demands revision n.
        Raises Conflict where the demand is not met, and changes nothing then; InvalidInput for what JSON cannot
        hold (NaN and Infinity are held). The record returned is as it would be read: a copy, tuples become lists.
        """
        ...

    def append(self, kind: str, doc: Mapping[str, Any], *, scope: str, number_field: str) -> Record:
        """Allot the next number of ``scope`` (1, 2, 3, ...) and store the document under it, in one atomic step.

        The number is written into ``doc[number_field]``; the key is the number as 10 digits. Concurrent callers
        get consecutive numbers without gap or double; numbers of deleted records are not given out again. A number
        under which somebody put a record by hand is passed over.
        """
        ...

    def list(self, kind: str, query: Query = ..., *, scope: str | None = "") -> Page:
        """One page. ``scope=None`` lists over all scopes (sorted by key then: by scope, then key)."""
        ...

    def delete(self, kind: str, key: str, *, scope: str = "", expect: int | None = None) -> bool:
        """Remove; False where there was none. ``expect`` as in ``put``."""
        ...

    def changes(self, since: int | None, limit: int = 1000) -> tuple[int, Sequence[Change]]:
        """(number to go on from, changes after ``since`` in order), only the last change of each record.

        The number is the newest of all, or the last one returned where there were more than ``limit``: passing it
        back never skips a change. ``since=None`` returns no change, just the number to go on from; so does a number
        from the future (of a storage that was put back). Deletions are remembered for a bounded number of changes.
        Cheap when nothing changed.
        """
        ...

    def close(self) -> None:
        """Release connections; the object is not used again."""
        ...
