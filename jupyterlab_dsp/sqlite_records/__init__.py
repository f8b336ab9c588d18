"""Records in one SQLite file: the embedded default.

Safe from any thread and any process on one machine: write-ahead log on a local disk, rollback journal on a network
mount. Documents are stored as Python's JSON, so that NaN and Infinity survive. What can be filtered and sorted by
is what ``filters.fields`` says; all of it is indexed.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ..errors import Conflict, InvalidInput
from ..paths import Paths
from ..records import MAX_PAGE, Change, Json, Page, Query, Record
from . import schema
from .connections import Connections, Link
from .listing import Listing

#: deletions are remembered for that many changes
_TOMBSTONES = 200_000


class SqliteRecords:
    """See ``Records``. Every write is one short transaction; writers queue fairly."""

    name = "sqlite"
    label = "SQLite file"

    class Config(BaseModel):
        """Options of the SQLite file."""

        model_config = ConfigDict(extra="forbid")

        path: Path | None = Field(default=None, description="The file. Empty: records.sqlite in the home.")
        journal: Literal["auto", "wal", "rollback"] = Field(
            default="auto",
            description="wal: the write-ahead log, for local disks. rollback: works on network mounts too. "
            "auto: found out from the kind of mount.",
        )
        synchronous: Literal["FULL", "NORMAL"] = Field(
            default="FULL",
            description="FULL: what was written survives a power cut. NORMAL: faster; one may lose the last writes.",
        )
        busy_timeout_s: float = Field(default=30, gt=0, description="Seconds to wait for other writers.")

    @classmethod
    def available(cls) -> str | None:
        """SQLite comes with Python."""
        return None

    def __init__(self, config: Config | None = None, *, paths: Paths) -> None:
        config = config or self.Config()
        self._connections = Connections(
            (config.path or paths.records).expanduser().absolute(),
            journal=config.journal,
            synchronous=config.synchronous,
            busy_timeout_s=config.busy_timeout_s,
            loads=json.loads,
        )

    def get(self, kind: str, key: str, *, scope: str = "") -> Record | None:
        """See ``Records.get``."""
        _check_address(kind, scope, key)
        with self._connections.errors():
            row = self._connections.link().connection.execute(_GET, (kind, scope, key)).fetchone()
        return None if row is None else Record(kind, scope, key, row[0], json.loads(row[1]))

    def put(self, kind: str, key: str, doc: Mapping[str, Any], *, scope: str = "", expect: int | None = None) -> Record:
        """See ``Records.put``."""
        _check_address(kind, scope, key)
        text = _dump(doc)
        stored: Json = json.loads(text)
        values = schema.encoded_fields(stored)
        with self._connections.write() as link:
            connection = link.connection
            space = _space(connection, kind, scope)
            row = connection.execute("SELECT revision FROM record WHERE space = ? AND key = ?", (space, key)).fetchone()
            found = row[0] if row else 0
            _check_expected(kind, key, found, expect)
            if found:
                connection.execute(
                    "UPDATE record SET revision = ?, seq = ?, doc = ? WHERE space = ? AND key = ?",
                    (found + 1, _next_seq(connection), text, space, key),
                )
                _update_fields(link, space, key, values)
            else:
                _insert(link, space, key, text, values)
        return Record(kind, scope, key, found + 1, stored)

    def append(self, kind: str, doc: Mapping[str, Any], *, scope: str, number_field: str) -> Record:
        """See ``Records.append``."""
        _check_address(kind, scope, number_field)
        # what can fail or takes long happens before anybody has to wait for it
        stored: Json = json.loads(_dump({**doc, number_field: 0}))
        values = schema.encoded_fields(stored)
        with self._connections.write() as link:
            connection = link.connection
            space = _space(connection, kind, scope)
            (number,) = connection.execute("SELECT last_number + 1 FROM space WHERE id = ?", (space,)).fetchone()
            while connection.execute(
                "SELECT 1 FROM record WHERE space = ? AND key = ?", (space, f"{number:010d}")
            ).fetchone():
                number += 1  # somebody put a record under a number by hand
            connection.execute("UPDATE space SET last_number = ? WHERE id = ?", (number, space))
            stored[number_field] = number
            if number_field in values:
                values[number_field] = number
            key = f"{number:010d}"
            _insert(link, space, key, _dump(stored), values)
        return Record(kind, scope, key, 1, stored)

    def list(self, kind: str, query: Query | None = None, *, scope: str | None = "") -> Page:
        """See ``Records.list``."""
        query = query or Query()
        _check_address(kind, scope or "", "-")
        if not 1 <= query.limit <= MAX_PAGE:
            raise InvalidInput(f"The limit is {query.limit}; 1 to {MAX_PAGE} are possible.", field="limit")
        with self._connections.read() as link:
            listing = Listing(link, kind, scope, query)
            hits, cursor = listing.page()
            total = listing.count() if query.count else None
            rows = [(hit, *link.connection.execute(_DOC, (hit.space, hit.key)).fetchone()) for hit in hits]
        items = tuple(Record(kind, hit.scope, hit.key, revision, json.loads(doc)) for hit, revision, doc in rows)
        return Page(items, cursor, total)

    def delete(self, kind: str, key: str, *, scope: str = "", expect: int | None = None) -> bool:
        """See ``Records.delete``."""
        _check_address(kind, scope, key)
        with self._connections.write() as link:
            connection = link.connection
            row = connection.execute(_FIND, (kind, scope, key)).fetchone()
            _check_expected(kind, key, row[1] if row else 0, expect)
            if row is None:
                return False
            space = row[0]
            seq = _next_seq(connection)
            connection.execute("DELETE FROM record WHERE space = ? AND key = ?", (space, key))
            connection.execute("DELETE FROM field WHERE space = ? AND key = ?", (space, key))
            connection.execute("UPDATE space SET records = records - 1 WHERE id = ?", (space,))
            connection.execute("INSERT OR REPLACE INTO tombstone VALUES (?, ?, ?)", (seq, space, key))
            connection.execute("DELETE FROM tombstone WHERE seq < ?", (seq - _TOMBSTONES,))
        return True

    def changes(self, since: int | None, limit: int = 1000) -> tuple[int, Sequence[Change]]:
        """See ``Records.changes``. One row is read when nothing changed."""
        with self._connections.errors():
            newest = self._connections.link().connection.execute("SELECT newest FROM sequence").fetchone()[0]
        if since is None or since >= newest:
            return newest, ()
        with self._connections.read() as link:
            newest = link.connection.execute("SELECT newest FROM sequence").fetchone()[0]
            rows = link.connection.execute(_CHANGES, (since, limit + 1, since, limit + 1, limit + 1)).fetchall()
        changes = [Change(seq, kind, scope, key, bool(deleted)) for seq, kind, scope, key, deleted in rows[:limit]]
        return (changes[-1].seq if len(rows) > limit else newest), changes

    def close(self) -> None:
        """See ``Records.close``."""
        self._connections.close()


_GET = """SELECT revision, doc FROM record
WHERE space = (SELECT id FROM space WHERE kind = ? AND scope = ?) AND key = ?"""
_FIND = """SELECT space, revision FROM record
WHERE space = (SELECT id FROM space WHERE kind = ? AND scope = ?) AND key = ?"""
_DOC = "SELECT revision, doc FROM record WHERE space = ? AND key = ?"
_CHANGES = """SELECT c.seq, s.kind, s.scope, c.key, c.deleted FROM (
    SELECT * FROM (SELECT seq, space, key, 0 AS deleted FROM record WHERE seq > ? ORDER BY seq LIMIT ?)
    UNION ALL
    SELECT * FROM (SELECT seq, space, key, 1 AS deleted FROM tombstone WHERE seq > ? ORDER BY seq LIMIT ?)
) c JOIN space s ON s.id = c.space ORDER BY c.seq LIMIT ?"""


def _insert(link: Link, space: int, key: str, text: str, values: Mapping[str, schema.Encoded]) -> None:
    connection = link.connection
    connection.execute(
        "INSERT INTO record (space, key, revision, seq, doc) VALUES (?, ?, 1, ?, ?)",
        (space, key, _next_seq(connection), text),
    )
    connection.execute("UPDATE space SET records = records + 1 WHERE id = ?", (space,))
    connection.execute("DELETE FROM tombstone WHERE space = ? AND key = ?", (space, key))
    _insert_fields(connection, space, key, {link.path_ids.get(path): value for path, value in values.items()})


def _insert_fields(connection: sqlite3.Connection, space: int, key: str, values: Mapping[int, schema.Encoded]) -> None:
    connection.executemany(
        "INSERT OR REPLACE INTO field VALUES (?, ?, ?, ?)",
        [(space, key, path, values[path]) for path in sorted(values)],
    )


def _update_fields(link: Link, space: int, key: str, values: Mapping[str, schema.Encoded]) -> None:
    """Write only what changed: most updates touch one or two values of many."""
    connection = link.connection
    rows = connection.execute("SELECT path, value FROM field WHERE space = ? AND key = ?", (space, key))
    before = {path: (type(value), value) for path, value in rows}
    after = {link.path_ids.get(path): value for path, value in values.items()}
    connection.executemany(
        "DELETE FROM field WHERE space = ? AND key = ? AND path = ?",
        [(space, key, path) for path in before if path not in after],
    )
    # 1 and 1.0 are equal, but not the same
    changed = {path: value for path, value in after.items() if before.get(path) != (type(value), value)}
    _insert_fields(connection, space, key, changed)


def _space(connection: sqlite3.Connection, kind: str, scope: str) -> int:
    row = connection.execute("SELECT id FROM space WHERE kind = ? AND scope = ?", (kind, scope)).fetchone()
    if row is None:
        return connection.execute("INSERT INTO space (kind, scope) VALUES (?, ?)", (kind, scope)).lastrowid or 0
    return int(row[0])


def _next_seq(connection: sqlite3.Connection) -> int:
    connection.execute("UPDATE sequence SET newest = newest + 1")
    return int(connection.execute("SELECT newest FROM sequence").fetchone()[0])


def _check_expected(kind: str, key: str, found: int, expect: int | None) -> None:
    if expect is None or expect == found:
        return
    if expect == 0:
        raise Conflict(f"There is a {kind} '{key}' already.", kind=kind, key=key, found=found, expect=expect)
    raise Conflict(
        f"The {kind} '{key}' {'was changed' if found else 'was deleted'} by somebody else meanwhile.",
        hint="Read it again and repeat the change.",
        kind=kind,
        key=key,
        found=found,
        expect=expect,
    )


def _check_address(kind: str, scope: str, key: str) -> None:
    for name, value in (("kind", kind), ("scope", scope), ("key", key)):
        if not isinstance(value, str) or (not value and name != "scope"):
            raise InvalidInput(f"The {name} of a record is text that is not empty.", field=name)
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise InvalidInput(f"The {name} of a record holds half of a character.", field=name) from error


def _dump(doc: Mapping[str, Any]) -> str:
    """A document as text. Raises InvalidInput for what JSON cannot hold."""
    try:
        text = json.dumps(dict(doc), ensure_ascii=False, separators=(",", ":"))
        if not text.isascii() and any("\ud800" <= each <= "\udfff" for each in text):
            text = json.dumps(dict(doc), separators=(",", ":"))
        return text
    except (TypeError, ValueError, RecursionError) as error:
        reason = "it is nested too deep" if isinstance(error, RecursionError) else str(error)
        raise InvalidInput(f"The document cannot be stored as JSON: {reason}.", field="doc") from error


__all__ = ["SqliteRecords"]
