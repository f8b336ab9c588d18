"""The tables, and how an older file becomes a newer one.

``field`` holds the searchable values of each document (``filters.fields``) once per record; its index holds them
once more in order of value. Values keep their type, and SQLite's order of types is ours: numbers, then text, then
blobs. The blobs are FALSE and TRUE, and beyond them what is there but has no place in the order.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..errors import Unavailable
from ..filters import TEXT_PREFIX, Scalar, fields

#: written into the file's header, so that a file of somebody else is not touched
APPLICATION_ID = 0x64737031

FALSE, TRUE, LIST, NAN = b"\x00", b"\x01", b"\x02", b"\x03"

#: paths that a connection keeps in mind
_REMEMBERED = 10_000

Encoded = int | float | str | bytes

_TABLES = """
CREATE TABLE sequence (newest INTEGER NOT NULL);
INSERT INTO sequence VALUES (0);
CREATE TABLE space (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, scope TEXT NOT NULL,
    last_number INTEGER NOT NULL DEFAULT 0, records INTEGER NOT NULL DEFAULT 0, UNIQUE (kind, scope)
);
CREATE TABLE record (
    id INTEGER PRIMARY KEY, space INTEGER NOT NULL, key TEXT NOT NULL, revision INTEGER NOT NULL,
    seq INTEGER NOT NULL UNIQUE, doc TEXT NOT NULL, UNIQUE (space, key)
);
CREATE TABLE tombstone (seq INTEGER PRIMARY KEY, space INTEGER NOT NULL, key TEXT NOT NULL, UNIQUE (space, key));
"""

_FIELDS = """
CREATE TABLE path (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);
CREATE TABLE field (
    space INTEGER NOT NULL, key TEXT NOT NULL, path INTEGER NOT NULL, value NOT NULL, PRIMARY KEY (space, key, path)
) WITHOUT ROWID;
CREATE INDEX field_value ON field (space, path, value, key);
"""


def encode(value: Scalar | tuple[Scalar, ...]) -> Encoded:
    """A value as it stands in ``field``."""
    match value:
        case bool():
            return TRUE if value else FALSE
        case str():
            return value[:TEXT_PREFIX]
        case tuple():
            return LIST
        case _:
            return NAN if math.isnan(value) else value


def encoded_fields(doc: Mapping[str, Any]) -> dict[str, Encoded]:
    """All searchable values of a document, by path."""
    return {path: encode(value) for path, value in fields(doc).items()}


class PathIds:
    """The numbers of paths. What a transaction gave out is remembered only once it is committed."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._known: dict[str, int] = {}
        self._fresh: dict[str, int] = {}

    def get(self, path: str) -> int:
        """The number of a path, given one if it is new. Inside a write."""
        found = self._known.get(path) or self._fresh.get(path)
        if found is None:
            row = self._connection.execute("SELECT id FROM path WHERE text = ?", (path,)).fetchone()
            if row is None:
                found = self._connection.execute("INSERT INTO path (text) VALUES (?)", (path,)).lastrowid or 0
            else:
                found = int(row[0])
            self._fresh[path] = found
        return found

    def settle(self, *, committed: bool) -> None:
        """At the end of each write."""
        if committed and self._fresh:
            if len(self._known) > _REMEMBERED:
                self._known.clear()
            self._known.update(self._fresh)
        self._fresh.clear()


def _make_tables(connection: sqlite3.Connection) -> None:
    _run(connection, _TABLES)


def _make_fields(connection: sqlite3.Connection) -> None:
    _run(connection, _FIELDS)
    paths = PathIds(connection)
    for space, key, doc in connection.execute("SELECT space, key, doc FROM record"):
        connection.executemany(
            "INSERT INTO field VALUES (?, ?, ?, ?)",
            [(space, key, paths.get(path), value) for path, value in encoded_fields(json.loads(doc)).items()],
        )


#: the migration at index n brings a file of version n to version n + 1; none is ever changed or removed
MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (_make_tables, _make_fields)


def migrate(connection: sqlite3.Connection, migrations: Iterable[Callable[[sqlite3.Connection], None]]) -> None:
    """Bring the file to the newest version; call it inside a write. Raises Unavailable for a file that is not ours."""
    steps = tuple(migrations)
    version = _pragma(connection, "user_version")
    if version > len(steps):
        raise Unavailable(
            f"The records were written by a newer version of jupyterlab-dsp (format {version}, here {len(steps)}).",
            hint="Upgrade jupyterlab-dsp here, or point it at another home.",
        )
    if _pragma(connection, "application_id") != APPLICATION_ID:
        if version or connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
            raise Unavailable(
                "The records file is the database of another program.", hint="Set another path for the records."
            )
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    for step in steps[version:]:
        step(connection)
    if version < len(steps):
        connection.execute(f"PRAGMA user_version = {len(steps)}")


def is_current(connection: sqlite3.Connection) -> bool:
    """Whether ``migrate`` would have nothing to do or to say."""
    same = _pragma(connection, "application_id") == APPLICATION_ID
    return same and _pragma(connection, "user_version") == len(MIGRATIONS)


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


def _run(connection: sqlite3.Connection, script: str) -> None:
    # not executescript: that would commit first
    for statement in script.split(";"):
        if statement.strip():
            connection.execute(statement)
