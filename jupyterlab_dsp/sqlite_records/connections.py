"""Connections: one per thread, never carried over a fork, opened and set up on first use."""

from __future__ import annotations

import math
import os
import sqlite3
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ..errors import Corrupt, DspError, Unavailable
from ..filters import TEXT_PREFIX, Node, matches
from . import schema
from .filesystem import is_network
from .turnstile import Turnstile

#: connections made before a fork: a child must neither use nor close them, that would break the parent's locks
_ABANDONED: list[object] = []
_ALL: weakref.WeakSet[Connections] = weakref.WeakSet()
#: held while a new file is made, see ``_create``
_creating = threading.Lock()


class Link:
    """What one thread holds: the connection, its place in the queue, and the filter parts that SQL asks back for."""

    def __init__(self, connection: sqlite3.Connection, turnstile: Turnstile, loads: Callable[[str], Any]) -> None:
        self.connection = connection
        self.turnstile = turnstile
        self.thread = threading.current_thread()
        self.parts: list[Node] = []
        self.path_ids = schema.PathIds(connection)
        self.log_file = -1
        connection.create_function("dsp_match", 2, lambda part, doc: matches(self.parts[part], loads(doc)))
        connection.create_function("dsp_contains", 2, _contains, deterministic=True)

    def close(self) -> None:
        """Release both."""
        self.connection.close()
        self.turnstile.close()
        if self.log_file >= 0:
            os.close(self.log_file)
            self.log_file = -1

    def sync(self) -> None:
        """Wait until the log is on the disk, after leaving the queue: all who wait then share one sync."""
        if self.log_file >= 0:
            os.fdatasync(self.log_file)


class Connections:
    """Hands each thread its link, and turns SQLite's errors into ours."""

    def __init__(
        self, path: Path, *, journal: str, synchronous: str, busy_timeout_s: float, loads: Callable[[str], Any]
    ) -> None:
        self.path = path
        self._journal = journal
        self._synchronous = synchronous
        self._busy_timeout_s = busy_timeout_s
        self._loads = loads
        self._closed = False
        self._start()
        _ALL.add(self)

    def _start(self) -> None:
        self._lock = threading.Lock()
        self._local = threading.local()
        self._links: list[Link] = []

    def abandon(self) -> None:
        """In a forked child: start anew, and keep what was inherited alive but untouched."""
        _ABANDONED.extend((self._links, self._local))
        self._start()

    def link(self) -> Link:
        """The link of this thread."""
        found: Link | None = getattr(self._local, "link", None)
        if found is None:
            found = self._local.link = self._open()
        return found

    @contextmanager
    def read(self) -> Iterator[Link]:
        """One consistent view of the file."""
        with self.errors():
            link = self.link()
            link.connection.execute("BEGIN")
            try:
                yield link
            finally:
                if link.connection.in_transaction:
                    link.connection.execute("ROLLBACK")

    @contextmanager
    def write(self) -> Iterator[Link]:
        """A short write: all of it or nothing. Nobody else writes meanwhile. It is on the disk when this returns."""
        with self.errors():
            link = self.link()
            committed = False
            try:
                with link.turnstile.turn(), _transaction(link.connection):
                    yield link
                committed = True
            finally:
                link.path_ids.settle(committed=committed)
            link.sync()

    @contextmanager
    def errors(self) -> Iterator[None]:
        """SQLite's errors as ours, with what to do."""
        try:
            yield
        except sqlite3.Error as error:
            raise self._explain(error) from error
        except OSError as error:
            raise Unavailable(
                f"The records file {self.path} cannot be synced: {error.strerror or error}.",
                hint="Check that the disk works.",
            ) from error

    def close(self) -> None:
        """Close all connections, of all threads."""
        with self._lock:
            self._closed = True
            links, self._links = self._links, []
            self._local = threading.local()
        for link in links:
            link.close()

    def _open(self) -> Link:
        if self._closed:
            raise Unavailable("The records were closed.", hint="Open them again.")
        is_wal = self._journal == "wal" or (self._journal == "auto" and not is_network(self.path.parent))
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._create()
        except OSError as error:
            raise Unavailable(
                f"The records file {self.path} cannot be opened: {error.strerror or error}.",
                hint="Check that the folder exists and that you may write there, or set another path or DSP_HOME.",
            ) from error
        connection = sqlite3.connect(
            self.path,
            timeout=self._busy_timeout_s,
            isolation_level=None,
            check_same_thread=False,  # so that close() may close those of other threads
            cached_statements=256,
        )
        # over a network flock is slow or missing; there SQLite's own wait has to do
        lock_file = self.path.with_name(self.path.name + ".lock") if is_wal else None
        link = Link(connection, Turnstile(lock_file, self._busy_timeout_s), self._loads)
        try:
            self._set_up(link, "wal" if is_wal else "delete")
        except BaseException:
            link.close()
            raise
        with self._lock:
            gone = [each for each in self._links if not each.thread.is_alive()]
            self._links = [each for each in self._links if each.thread.is_alive()] + [link]
        for each in gone:
            each.close()
        return link

    def _set_up(self, link: Link, journal: str) -> None:
        connection = link.connection
        # where we sync the log ourselves (see Link.sync) SQLite need not do it while others wait for their turn
        shares_sync = journal == "wal" and self._synchronous == "FULL" and sys.platform == "linux"
        connection.execute(f"PRAGMA synchronous = {'NORMAL' if shares_sync else self._synchronous}")
        connection.execute("PRAGMA cache_size = -16000")
        connection.execute("PRAGMA temp_store = MEMORY")
        mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
        if mode != journal or not schema.is_current(connection):
            with link.turnstile.turn():
                if mode != journal:
                    mode = self._set_journal(connection, journal)
                with _transaction(connection):
                    schema.migrate(connection, schema.MIGRATIONS)
        if shares_sync:
            if mode == "wal":
                connection.execute("SELECT newest FROM sequence").fetchone()  # makes the log
                log = self.path.with_name(self.path.name + "-wal")
                link.log_file = os.open(log, os.O_RDWR | os.O_CLOEXEC)
            else:
                connection.execute("PRAGMA synchronous = FULL")

    def _create(self) -> None:
        """Make the file, so that others cannot read it; SQLite gives its side files the same mode.

        Closing *any* descriptor of a file drops all POSIX locks of this process on it (sqlite.org/howtocorrupt.html,
        section 2.2), and with them SQLite's word to other processes that the file is in use. So a file that exists is
        never opened here, and no other thread of ours connects before the new file is closed again.
        """
        with _creating, suppress(FileExistsError):
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))

    def _set_journal(self, connection: sqlite3.Connection, journal: str) -> str:
        """The journal mode there is in the end: another one than asked for works as well."""
        deadline = time.monotonic() + min(self._busy_timeout_s, 2 if journal != "wal" else math.inf)
        while True:
            try:
                return str(connection.execute(f"PRAGMA journal_mode = {journal}").fetchone()[0])
            except sqlite3.OperationalError as error:
                # this statement alone does not heed the timeout
                if "locked" not in str(error):
                    raise
                if time.monotonic() > deadline:
                    return str(connection.execute("PRAGMA journal_mode").fetchone()[0])
                time.sleep(0.01)

    def _explain(self, error: sqlite3.Error) -> DspError:
        text = str(error)
        code = getattr(error, "sqlite_errorname", "") or ""
        if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return Unavailable(
                f"The records are busy: no turn to write within {self._busy_timeout_s:g} s.",
                hint="Another process holds them; try again, or raise busy_timeout_s.",
            )
        if code.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
            return Corrupt(
                f"The records file {self.path} is damaged: {text}.",
                hint="Put back a backup, or move the file and its -wal file away to start with none.",
            )
        if code.startswith("SQLITE_FULL"):
            return Unavailable("The disk of the records is full.", hint="Free some space; nothing was changed.")
        if code.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_IOERR", "SQLITE_AUTH")):
            return Unavailable(
                f"The records file {self.path} cannot be used: {text}.",
                hint="Check that the disk works and that you may write to the file and its folder.",
            )
        if "closed" in text:
            return Unavailable("The records were closed.", hint="Open them again.")
        return Unavailable(f"The records file {self.path} does not answer: {text}.", hint="This is likely a bug.")


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _contains(value: object, needle: str) -> bool | None:
    """None: it is not in the part that the index holds, the document must tell."""
    if not isinstance(value, str):
        return False
    if needle in value.casefold():
        return True
    return None if len(value) >= TEXT_PREFIX else False


def _after_fork() -> None:
    for each in list(_ALL):
        each.abandon()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
