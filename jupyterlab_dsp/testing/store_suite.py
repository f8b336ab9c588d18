"""What every artifact store must do. Subclass it in your tests and give it the fixture ``store``::

    class TestMyStore(StoreSuite):
        @pytest.fixture
        def store(self, tmp_path): return MyStore(MyStore.Config(...), paths=Paths(tmp_path))

``reopen`` gives a second instance over the same bytes; ``opening`` is Python that builds ``store`` in another
process (None where other processes cannot see it: the tests that need it are skipped then); ``damage`` changes
stored bytes behind the store's back.
"""

from __future__ import annotations

import io
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3

from ..errors import Conflict, Corrupt, InvalidInput, NotFound
from ..model.plugin import Store

BAD_DIGESTS = [
    "",
    "blake3:",
    "blake3:../../etc/passwd",
    "blake3:" + "../" * 21 + "a",
    "blake3:" + "A" * 64,
    "blake3:" + "0" * 63,
    "blake3:" + "0" * 64 + "\n",
    "blake3:" + "0" * 63 + "/",
    "md5:" + "0" * 32,
    "0" * 64,
    "blake3:" + "\u0660" * 64,
]
ABSENT = "blake3:" + "0" * 64
MB = 2**20


def digest(data: bytes) -> str:
    """What the store must answer for these bytes."""
    return f"blake3:{blake3(data).hexdigest()}"


class StoreSuite:
    """The conformance tests."""

    @pytest.fixture
    def reopen(self, store: Store) -> Callable[[], Store]:
        """A second instance over the same bytes; without one of its own a store is shared by its users."""
        return lambda: store

    @pytest.fixture
    def opening(self) -> str | None:
        """Python that leaves the store in the name ``store``, run in another process; None: not possible."""
        return None

    @pytest.fixture
    def damage(self) -> Callable[[str], None] | None:
        """Change a stored byte of a digest behind the store's back; None: not possible."""
        return None

    # -- put and read --------------------------------------------------------------------------------------

    def test_is_a_store(self, store: Store) -> None:
        assert isinstance(store, Store)
        assert store.name
        assert store.label

    @pytest.mark.parametrize("size", [0, 1, 4096, MB - 1, MB, 5 * MB + 3])
    @pytest.mark.parametrize("form", ["bytes", "stream", "path", "moved"])
    def test_put_gives_back_what_was_put(
        self, store: Store, reopen: Callable[[], Store], tmp_path: Path, size: int, form: str
    ) -> None:
        data = random.Random(size).randbytes(size)
        file = tmp_path / "given.bin"
        file.write_bytes(data)
        with store.writing():
            if form == "bytes":
                blob = store.put(data)
            elif form == "stream":
                blob = store.put(io.BytesIO(data))
            else:
                blob = store.put(file, move=form == "moved")
        assert (blob.digest, blob.size_bytes) == (digest(data), size)
        assert file.exists() == (form != "moved")
        other = reopen()
        with other.open(blob.digest) as stream:
            assert stream.read() == data
        with other.open(blob.digest, verify=False) as stream:
            assert stream.read() == data
        other.fetch(blob.digest, tmp_path / "out" / "copy.bin")
        assert (tmp_path / "out" / "copy.bin").read_bytes() == data
        assert other.size(blob.digest) == size
        assert [b for b in other.blobs() if b.digest == blob.digest] == [blob]

    def test_same_bytes_are_kept_once(self, store: Store, tmp_path: Path) -> None:
        data = os.urandom(3 * MB)
        file = tmp_path / "given.bin"
        file.write_bytes(data)
        before = sum(blob.size_bytes for blob in store.blobs())
        found = {store.put(data), store.put(io.BytesIO(data)), store.put(file), store.put(file, move=True)}
        assert len(found) == 1
        assert not file.exists()
        assert sum(blob.size_bytes for blob in store.blobs()) - before == len(data)

    def test_what_is_fetched_may_be_changed(self, store: Store, tmp_path: Path) -> None:
        blob = store.put(b"keep me")
        store.fetch(blob.digest, tmp_path / "copy")
        with (tmp_path / "copy").open("r+b") as file:
            file.write(b"LOST")
        with store.open(blob.digest) as stream:
            assert stream.read() == b"keep me"

    def test_who_moved_a_file_cannot_change_the_blob_by_another_name(self, store: Store, tmp_path: Path) -> None:
        first = tmp_path / "first"
        first.write_bytes(b"keep me")
        os.link(first, tmp_path / "second")
        blob = store.put(first, move=True)
        (tmp_path / "second").write_bytes(b"changed")
        with store.open(blob.digest) as stream:
            assert stream.read() == b"keep me"

    def test_moving_a_link_keeps_its_target(self, store: Store, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"mine")
        (tmp_path / "link").symlink_to(tmp_path / "file")
        blob = store.put(tmp_path / "link", move=True)
        assert (tmp_path / "file").read_bytes() == b"mine"
        assert blob.digest == digest(b"mine")

    def test_fetch_replaces_what_is_there(self, store: Store, tmp_path: Path) -> None:
        (tmp_path / "copy").write_bytes(b"older and longer")
        store.fetch(store.put(b"new").digest, tmp_path / "copy")
        assert (tmp_path / "copy").read_bytes() == b"new"
        assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".part")] == []

    def test_a_missing_file_is_not_found(self, store: Store, tmp_path: Path) -> None:
        with pytest.raises(NotFound):
            store.put(tmp_path / "nothing")

    def test_a_folder_is_no_file(self, store: Store, tmp_path: Path) -> None:
        with pytest.raises((InvalidInput, NotFound)):
            store.put(tmp_path)

    def test_a_stream_that_fails_leaves_nothing(self, store: Store) -> None:
        class Broken(io.RawIOBase):
            def __init__(self) -> None:
                self.left = 3

            def readable(self) -> bool:
                return True

            def read(self, size: int = -1) -> bytes:
                self.left -= 1
                if not self.left:
                    raise ConnectionResetError("gone")
                return b"x" * MB

        before = list(store.blobs())
        with pytest.raises(ConnectionResetError):
            store.put(Broken())  # type: ignore[arg-type]
        assert list(store.blobs()) == before

    # -- what is not there, what is not right --------------------------------------------------------------

    def test_absent_blobs_are_told(self, store: Store, tmp_path: Path) -> None:
        assert store.size(ABSENT) is None
        assert store.remove(ABSENT) == 0
        with pytest.raises(NotFound):
            store.open(ABSENT)
        with pytest.raises(NotFound):
            store.fetch(ABSENT, tmp_path / "copy")
        assert not (tmp_path / "copy").exists()

    @pytest.mark.parametrize("bad", BAD_DIGESTS)
    def test_a_digest_is_no_path(self, store: Store, tmp_path: Path, bad: str) -> None:
        calls: list[Callable[[], object]] = [
            lambda: store.open(bad),
            lambda: store.size(bad),
            lambda: store.remove(bad),
            lambda: store.fetch(bad, tmp_path / "copy"),
        ]
        for call in calls:
            with pytest.raises(InvalidInput):
                call()

    def test_damage_is_told(
        self, store: Store, damage: Callable[[str], None] | None, reopen: Callable[[], Store], tmp_path: Path
    ) -> None:
        if damage is None:
            pytest.skip("the bytes cannot be reached")
        data = os.urandom(3 * MB)
        blob = store.put(data)
        damage(blob.digest)
        other = reopen()
        with other.open(blob.digest) as stream, pytest.raises(Corrupt):
            stream.read()
        # who knows the size and stops there is told too
        with other.open(blob.digest) as stream, pytest.raises(Corrupt):
            stream.read(len(data))
        with other.open(blob.digest) as stream, pytest.raises(Corrupt):
            list(iter(lambda: stream.read(65536), b""))
        with pytest.raises(Corrupt):
            other.fetch(blob.digest, tmp_path / "copy")
        assert list(tmp_path.glob("*copy*")) == []
        with other.open(blob.digest, verify=False) as stream:
            assert len(stream.read()) == len(data)

    # -- remove --------------------------------------------------------------------------------------------

    def test_remove_says_what_it_freed(self, store: Store, reopen: Callable[[], Store]) -> None:
        blob = store.put(b"x" * 1000)
        with store.collecting():
            assert store.remove(blob.digest) == 1000
            assert store.remove(blob.digest) == 0
        assert reopen().size(blob.digest) is None
        assert store.put(b"x" * 1000) == blob
        with store.open(blob.digest) as stream:
            assert stream.read() == b"x" * 1000

    # -- writers and the collector -------------------------------------------------------------------------

    def test_writing_is_reentrant(self, store: Store) -> None:
        with store.writing(), store.writing():
            blob = store.put(b"nested")
        with store.collecting():
            assert store.size(blob.digest) == 6

    def test_who_writes_cannot_collect(self, store: Store) -> None:
        with store.writing(), pytest.raises(Conflict), store.collecting():
            pass

    def test_the_collector_waits_for_writers(self, store: Store, reopen: Callable[[], Store]) -> None:
        order: list[str] = []
        inside = threading.Event()

        def collect() -> None:
            inside.set()
            with reopen().collecting():
                order.append("collected")

        with store.writing():
            thread = threading.Thread(target=collect)
            thread.start()
            inside.wait()
            time.sleep(0.1)
            # a helper thread of the writer must get through although a collector waits
            helper = threading.Thread(target=lambda: order.append(store.put(b"by a helper").digest[:6]))
            helper.start()
            helper.join(5)
            order.append("written")
        thread.join(5)
        assert order == ["blake3", "written", "collected"]

    def test_writers_do_not_starve_the_collector(self, store: Store, reopen: Callable[[], Store]) -> None:
        done = threading.Event()

        def write() -> None:
            mine = reopen()
            while not done.is_set():
                with mine.writing():
                    time.sleep(0.02)

        writers = [threading.Thread(target=write) for _ in range(6)]
        for writer in writers:
            writer.start()
        time.sleep(0.1)
        waits = []
        try:
            for _ in range(5):
                began = time.monotonic()
                with store.collecting():
                    waits.append(time.monotonic() - began)
        finally:
            done.set()
            for writer in writers:
                writer.join()
        assert max(waits) < 2

    def test_many_writers_of_the_same_bytes_agree(self, store: Store, reopen: Callable[[], Store]) -> None:
        data = os.urandom(2 * MB)
        found: list[Any] = []
        start = threading.Barrier(12)

        def write() -> None:
            mine = reopen()
            start.wait()
            with mine.writing():
                blob = mine.put(io.BytesIO(data))
                with mine.open(blob.digest) as stream:
                    found.append((blob, stream.read() == data))

        threads = [threading.Thread(target=write) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [(found[0][0], True)] * 12
        assert [blob.digest for blob in store.blobs()].count(digest(data)) == 1

    def test_a_blob_that_a_writer_found_stays(self, store: Store, reopen: Callable[[], Store]) -> None:
        """Writers take up blobs and drop them; a collector removes all that nobody refers to."""
        refers: dict[str, int] = {}
        guard = threading.Lock()
        end = time.monotonic() + 1.5
        lost: list[str] = []

        def write(seed: int) -> None:
            rng, mine = random.Random(seed), reopen()
            while time.monotonic() < end:
                with mine.writing():
                    blob = mine.put(f"blob {rng.randrange(5)}".encode())
                    time.sleep(rng.random() * 0.005)
                    if mine.size(blob.digest) is None:
                        lost.append(blob.digest)
                    with guard:
                        refers[blob.digest] = refers.get(blob.digest, 0) + 1
                with guard:
                    refers[blob.digest] -= 1

        def collect() -> None:
            mine = reopen()
            while time.monotonic() < end:
                with mine.collecting():
                    for blob in list(mine.blobs()):
                        with guard:
                            if not refers.get(blob.digest):
                                mine.remove(blob.digest)
                time.sleep(0.002)

        threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
        threads.append(threading.Thread(target=collect))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert lost == []

    # -- other processes -----------------------------------------------------------------------------------

    def test_other_processes_see_it_and_wait(self, store: Store, opening: str | None) -> None:
        if opening is None:
            pytest.skip("other processes cannot see this store")
        blob = store.put(b"shared")
        code = f"{opening}\nprint(store.open({blob.digest!r}).read().decode())\nwith store.collecting(): print('alone')"
        with store.writing(), _python(code) as other:
            assert other.stdout is not None
            assert other.stdout.readline() == b"shared\n"
            time.sleep(0.2)
            assert other.poll() is None  # it waits for us
            other.kill()
        assert _python(code).communicate(timeout=30)[0] == b"shared\nalone\n"

    @pytest.mark.faults
    @pytest.mark.slow
    def test_killed_writers_leave_nothing_half_done(self, store: Store, opening: str | None) -> None:
        """100 writers are killed at random moments; what they acknowledged is whole, and nothing else shows."""
        if opening is None:
            pytest.skip("other processes cannot see this store")
        rng = random.Random(7)
        code = f"""{opening}
import io, os, random, sys, tempfile
rng = random.Random(int(sys.argv[1]))
print("ready", flush=True)
while True:
    data = rng.randbytes(rng.choice([10, 5000, 3_000_000]))
    with store.writing():
        blob = store.put(rng.choice([bytes, io.BytesIO])(data))
        print(blob.digest, flush=True)
"""
        acknowledged: set[str] = set()
        for batch in range(25):
            others = [_python(code, str(batch * 4 + n)) for n in range(4)]
            for other in others:
                assert other.stdout is not None
                other.stdout.readline()
            for other in others:
                time.sleep(rng.random() * 0.1)
                other.send_signal(signal.SIGKILL)
            for other in others:
                lines = other.communicate()[0].decode().split("\n")
                acknowledged.update(lines[:-1])  # the last one may be cut
        seen = {blob.digest for blob in store.blobs()}
        assert acknowledged
        assert acknowledged <= seen
        for found in seen:
            with store.open(found) as stream:
                while stream.read(MB):
                    pass
        with store.collecting():
            pass  # nobody holds it any more


def _python(code: str, *args: str) -> subprocess.Popen[bytes]:
    # unbuffered: what it prints before it waits must be seen while it waits
    return subprocess.Popen([sys.executable, "-u", "-c", code, *args], stdout=subprocess.PIPE)
