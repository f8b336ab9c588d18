"""SqliteRecords: the suite, and what is special to a file."""

from __future__ import annotations

import functools
import json
import os
import random
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from jupyterlab_dsp import sqlite_records
from jupyterlab_dsp.errors import Corrupt, DspError, Unavailable
from jupyterlab_dsp.paths import Paths
from jupyterlab_dsp.records import Query
from jupyterlab_dsp.sqlite_records import SqliteRecords, schema
from jupyterlab_dsp.sqlite_records.filesystem import is_network
from jupyterlab_dsp.testing.records_suite import RecordsSuite


def open_records(home: str, **config: object) -> SqliteRecords:
    return SqliteRecords(SqliteRecords.Config.model_validate(config), paths=Paths(Path(home)))


class TestSqliteRecords(RecordsSuite):
    @pytest.fixture
    def reopen(self, tmp_path):
        return functools.partial(open_records, str(tmp_path))


class TestRollbackJournal(RecordsSuite):
    @pytest.fixture
    def reopen(self, tmp_path):
        return functools.partial(open_records, str(tmp_path), journal="rollback")

    def test_no_log_is_left(self, records, tmp_path):
        records.put("run", "one", {})
        assert sorted(path.name for path in tmp_path.iterdir()) == ["records.sqlite"]


@pytest.fixture
def records(tmp_path):
    opened = open_records(str(tmp_path))
    yield opened
    opened.close()


def test_the_file_is_for_its_owner_alone(records, tmp_path):
    records.put("run", "one", {})
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert set(modes.values()) == {0o600}
    assert {"records.sqlite", "records.sqlite-wal", "records.sqlite.lock"} <= set(modes)


def test_the_configured_path_wins(tmp_path):
    records = open_records(str(tmp_path), path=str(tmp_path / "a" / "b.db"))
    records.put("run", "one", {})
    records.close()
    assert (tmp_path / "a" / "b.db").exists()


# ---- files of other versions and of others ----------------------------------------------------------------------


def test_an_old_file_is_brought_up_to_date(tmp_path):
    old = sqlite3.connect(tmp_path / "records.sqlite", isolation_level=None)
    old.execute("BEGIN")
    schema.migrate(old, schema.MIGRATIONS[:1])
    old.execute("INSERT INTO space VALUES (1, 'run', 's', 5, 2)")
    for key, doc in (("one", {"a": 1, "b": "x"}), ("two", {"a": 2})):
        old.execute("UPDATE sequence SET newest = newest + 1")
        old.execute(
            "INSERT INTO record (space, key, revision, seq, doc) VALUES (1, ?, 1, (SELECT newest FROM sequence), ?)",
            (key, json.dumps(doc)),
        )
    old.execute("COMMIT")
    assert old.execute("PRAGMA user_version").fetchone() == (1,)
    old.close()
    records = open_records(str(tmp_path))
    assert [each.key for each in records.list("run", Query("b = x", sort="a"), scope="s").items] == ["one"]
    assert [each.key for each in records.list("run", Query(sort="a", descending=True), scope="s").items] == [
        "two",
        "one",
    ]
    assert records.append("run", {}, scope="s", number_field="n").doc["n"] == 6
    assert records.changes(0)[0] == 3
    records.close()


def test_a_broken_migration_changes_nothing(tmp_path, monkeypatch):
    open_and_put(tmp_path)

    def broken(connection):
        connection.execute("DROP TABLE record")
        raise RuntimeError("power cut")

    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, broken))
    with pytest.raises(RuntimeError):
        open_records(str(tmp_path)).get("run", "one")
    monkeypatch.undo()
    records = open_records(str(tmp_path))
    assert records.get("run", "one") is not None
    records.close()


def open_and_put(home: Path) -> None:
    records = open_records(str(home))
    records.put("run", "one", {"a": 1})
    records.close()


def test_a_file_of_a_newer_version_is_refused(tmp_path):
    open_and_put(tmp_path)
    connection = sqlite3.connect(tmp_path / "records.sqlite")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(Unavailable, match="newer version") as caught:
        open_records(str(tmp_path)).get("run", "one")
    assert caught.value.hint


def test_the_database_of_another_program_is_refused(tmp_path):
    connection = sqlite3.connect(tmp_path / "records.sqlite")
    connection.execute("CREATE TABLE bookmarks (url)")
    connection.close()
    with pytest.raises(Unavailable, match="another program"):
        open_records(str(tmp_path)).put("run", "one", {})


@pytest.mark.parametrize("content", [b"this is no database" * 300, b"SQLite format 3\x00" + b"\xff" * 8000])
def test_a_damaged_file_is_reported_with_a_hint(tmp_path, content):
    (tmp_path / "records.sqlite").write_bytes(content)
    with pytest.raises(Corrupt) as caught:
        open_records(str(tmp_path)).get("run", "one")
    assert caught.value.hint


def test_a_file_damaged_in_the_middle_is_reported(tmp_path):
    records = open_records(str(tmp_path))
    for i in range(300):
        records.append("run", {"text": "x" * 200, "i": i}, scope="s", number_field="n")
    records.close()
    path = tmp_path / "records.sqlite"
    content = bytearray(path.read_bytes())
    content[8192 : len(content) - 4096] = os.urandom(len(content) - 8192 - 4096)
    path.write_bytes(content)
    records = open_records(str(tmp_path))
    with pytest.raises(DspError):
        records.list("run", Query("i > 5", sort="text", limit=1000), scope="s")
    with pytest.raises(DspError):
        records.append("run", {"text": "y"}, scope="s", number_field="n")
    records.close()


def test_a_place_that_cannot_be_written_is_reported(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(Unavailable) as caught:
        open_records(str(tmp_path), path=str(tmp_path / "file" / "records.sqlite")).put("run", "one", {})
    assert caught.value.hint
    with pytest.raises(Unavailable):
        open_records(str(tmp_path), path=str(tmp_path)).get("run", "one")


def test_closed_records_say_so(tmp_path):
    records = open_records(str(tmp_path))
    records.put("run", "one", {})
    records.close()
    records.close()
    with pytest.raises(Unavailable, match="closed"):
        records.get("run", "one")


# ---- waiting ----------------------------------------------------------------------------------------------------


def test_who_waits_too_long_gets_an_error_and_can_try_again(tmp_path, records):
    fcntl = pytest.importorskip("fcntl")
    records.put("run", "one", {})
    impatient = open_records(str(tmp_path), busy_timeout_s=0.2)
    with open(tmp_path / "records.sqlite.lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(Unavailable, match="busy"):
            impatient.put("run", "one", {})
    impatient.put("run", "one", {"a": 1})
    records.put("run", "one", {"a": 2})
    blocker = sqlite3.connect(tmp_path / "records.sqlite", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="busy"):
        impatient.put("run", "one", {})
    assert impatient.get("run", "one").doc == {"a": 2}
    blocker.close()
    impatient.put("run", "one", {})
    impatient.close()


def test_a_failed_write_leaves_no_path_behind(records):
    # the number of a new path must not be remembered when its transaction is rolled back
    records.put("run", "zero", {})
    link = records._connections.link()

    def fail() -> None:
        with records._connections.write():
            assert link.path_ids.get("fresh") == 1
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    records.put("run", "one", {"other": 1})
    records.put("run", "two", {"fresh": 2})
    assert [each.key for each in records.list("run", Query("fresh = 2")).items] == ["two"]
    assert [each.key for each in records.list("run", Query("has other")).items] == ["one"]


def test_connections_of_ended_threads_are_closed(records):
    records.put("run", "one", {})
    for _ in range(5):
        thread = threading.Thread(target=records.get, args=("run", "one"))
        thread.start()
        thread.join()
    assert len(records._connections._links) <= 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_uses_its_own_connection(records):
    records.append("run", {}, scope="s", number_field="n")
    idle = threading.Event()
    other = threading.Thread(target=lambda: (records.get("run", "x"), idle.wait()))
    other.start()
    children = []
    for _ in range(3):
        child = os.fork()
        if child == 0:
            try:
                for _ in range(5):
                    records.append("run", {}, scope="s", number_field="n")
                os._exit(0)
            finally:
                os._exit(1)
        children.append(child)
    for _ in range(5):
        records.append("run", {}, scope="s", number_field="n")
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
    idle.set()
    other.join()
    assert [each.doc["n"] for each in records.list("run", scope="s").items] == list(range(1, 22))


# ---- what index-driven means --------------------------------------------------------------------------------------


def test_a_page_costs_the_same_in_a_bigger_scope(records):
    """Counted in SQLite's own steps, so that a slow machine does not matter."""
    rng = random.Random(1)
    for scope, size in (("small", 1000), ("big", 8000)):
        fill(records, scope, size, rng)

    def steps(query: Query, scope: str) -> int:
        count = 0

        def tick() -> int:
            nonlocal count
            count += 1
            return 0

        connection = records._connections.link().connection
        connection.set_progress_handler(tick, 100)
        found = records.list("run", query, scope=scope)
        connection.set_progress_handler(None, 0)
        assert len(found.items) == query.limit
        return count

    for query in (
        Query(descending=True, limit=50),
        Query(sort="created_at", descending=True, limit=50),
        Query("metrics.a > 0.3", sort="metrics.b", descending=True, limit=20),
        Query("metrics.a > 0.3 and metrics.b > 0.5", sort="metrics.b", limit=20),
        Query("tags.rare = yes", sort="metrics.b", limit=5),
        Query("not has tags.rare", limit=20),
    ):
        small, big = steps(query, "small"), steps(query, "big")
        assert big <= 2 * small + 20, query


def fill(records: SqliteRecords, scope: str, size: int, rng: random.Random) -> None:
    """Many records in one transaction: the test is about reading."""
    with records._connections.write() as link:
        space = sqlite_records._space(link.connection, "run", scope)
        for i in range(size):
            doc = {"created_at": f"{i:09d}", "metrics": {"a": rng.random(), "b": rng.random()}, "tags": {}}
            if i < 5:
                doc["tags"]["rare"] = "yes"
            sqlite_records._insert(link, space, f"{i:010d}", json.dumps(doc), schema.encoded_fields(doc))


@pytest.mark.parametrize(
    ("mounts", "path", "wanted"),
    [
        ("22 1 254:0 / / rw shared:1 - ext4 /dev/vda rw", "/srv/dsp", False),
        ("22 1 254:0 / / rw - ext4 /dev/vda rw\n23 22 0:5 / /home rw - nfs4 server:/home rw", "/home/ann/dsp", True),
        ("22 1 254:0 / / rw - ext4 /dev/vda rw\n23 22 0:5 / /home rw - nfs4 server:/home rw", "/homes/ann", False),
        ("23 22 0:5 / /my\\040data rw - fuse.sshfs host: rw", "/my data/x", True),
        ("23 22 0:5 / / rw - fuseblk /dev/sdb rw", "/x", False),
        ("nonsense", "/x", False),
    ],
)
def test_network_mounts_are_told_from_local_disks(mounts, path, wanted):
    assert is_network(Path(path), mounts) is wanted


def test_on_a_network_mount_there_is_no_log(tmp_path, monkeypatch):
    monkeypatch.setattr("jupyterlab_dsp.sqlite_records.connections.is_network", lambda path: True)
    records = open_records(str(tmp_path))
    records.put("run", "one", {})
    assert records._connections.link().connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    assert not (tmp_path / "records.sqlite.lock").exists()
    records.close()


# ---- kill -9 --------------------------------------------------------------------------------------------------------

_WRITER = """
import sys
from pathlib import Path
from jupyterlab_dsp.paths import Paths
from jupyterlab_dsp.sqlite_records import SqliteRecords
records = SqliteRecords(SqliteRecords.Config(journal=sys.argv[2]), paths=Paths(Path(sys.argv[1])))
print("ready", flush=True)
for i in range(100000):
    doc = {"metrics": {"a": i, "b": -i}, "text": "x" * (i % 50)}
    number = records.append("run", doc, scope="s", number_field="n").doc["n"]
    print(number, flush=True)
    record = records.get("run", f"{number:010d}", scope="s")
    records.put("run", record.key, {**record.doc, "acknowledged": number}, scope="s", expect=1)
"""


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.skipif(sys.platform == "win32", reason="kill -9")
@pytest.mark.parametrize("journal", ["wal", "rollback"])
def test_killed_writers_lose_nothing_that_was_acknowledged(tmp_path, journal):
    rng = random.Random(7)
    acknowledged: list[int] = []
    for _ in range(6):
        writers = [
            subprocess.Popen([sys.executable, "-c", _WRITER, str(tmp_path), journal], stdout=subprocess.PIPE, text=True)
            for _ in range(3)
        ]
        for writer in writers:
            assert writer.stdout.readline() == "ready\n"
        time.sleep(rng.uniform(0.02, 0.4))
        for writer in writers:
            writer.send_signal(signal.SIGKILL)
        for writer in writers:
            lines = writer.stdout.read().split("\n")
            acknowledged += [int(line) for line in lines[:-1]]
            writer.wait()
            writer.stdout.close()
    records = open_records(str(tmp_path), journal=journal)
    stored = []
    cursor = None
    while True:
        page = records.list("run", Query(limit=1000, cursor=cursor), scope="s")
        stored += page.items
        cursor = page.next_cursor
        if cursor is None:
            break
    numbers = [each.doc["n"] for each in stored]
    assert numbers == list(range(1, len(numbers) + 1)), "no gap, no double"
    assert len(acknowledged) == len(set(acknowledged))
    assert set(acknowledged) <= set(numbers), "no acknowledged append is lost"
    # whole or not at all: the index says what the documents say
    assert records.list("run", Query("has acknowledged", count=True, limit=1), scope="s").total == sum(
        "acknowledged" in each.doc for each in stored
    )
    connection = records._connections.link().connection
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    rows = connection.execute(
        "SELECT r.key, p.text, f.value FROM record r JOIN field f USING (space, key) JOIN path p ON p.id = f.path"
    ).fetchall()
    assert sorted(rows, key=repr) == sorted(
        ((each.key, path, value) for each in stored for path, value in schema.encoded_fields(each.doc).items()),
        key=repr,
    )
    assert records.append("run", {}, scope="s", number_field="n").doc["n"] == len(numbers) + 1
    records.close()


_APPENDER = """
import sys, time, json
from pathlib import Path
from jupyterlab_dsp.paths import Paths
from jupyterlab_dsp.sqlite_records import SqliteRecords
records = SqliteRecords(SqliteRecords.Config(), paths=Paths(Path(sys.argv[1])))
records.get("run", "x")
print("ready", flush=True)
sys.stdin.readline()
found = []
for i in range(20):
    began = time.perf_counter()
    found.append((records.append("run", {"i": i}, scope="s", number_field="n").doc["n"], time.perf_counter() - began))
print(json.dumps(found))
"""


@pytest.mark.slow
def test_32_processes_get_consecutive_numbers_and_fair_waits(tmp_path):
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", _APPENDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(32)
    ]
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    found = [pair for writer in writers for pair in json.loads(writer.communicate()[0])]
    assert sorted(number for number, _ in found) == list(range(1, 641))
    # without the queue the unlucky one waits for seconds on an idle machine; this one may be busy
    assert max(wait for _, wait in found) < 5


def test_another_process_that_leaves_does_not_take_the_log_along(tmp_path):
    """Opening and closing the file by hand, in any thread, drops SQLite's locks: see ``Connections._create``."""
    records = open_records(str(tmp_path))
    records.put("model", "first", {})
    threads = [threading.Thread(target=records.get, args=("model", "first")) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    script = (
        "import sys; from pathlib import Path; from jupyterlab_dsp.paths import Paths\n"
        "from jupyterlab_dsp.sqlite_records import SqliteRecords\n"
        "r = SqliteRecords(SqliteRecords.Config(), paths=Paths(Path(sys.argv[1])))\n"
    )
    other = script + "[r.put('model', f'b{i}', {}) for i in range(100)]; r.close()"
    subprocess.run([sys.executable, "-c", other, str(tmp_path)], check=True)
    for number in range(20):
        records.put("model", f"a{number}", {})
    count = script + "print(sum(r.get('model', f'a{i}') is not None for i in range(20)))"
    seen = subprocess.run([sys.executable, "-c", count, str(tmp_path)], check=True, capture_output=True, text=True)
    assert seen.stdout.split() == ["20"]
    records.close()
    with sqlite3.connect(tmp_path / "records.sqlite") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
