"""The local store: the conformance suite, and what only a disk has."""

import os
import stat
import threading
import time
from pathlib import Path

import pytest

from jupyterlab_dsp.errors import InvalidInput
from jupyterlab_dsp.model.local_store import LocalStore
from jupyterlab_dsp.paths import Paths
from jupyterlab_dsp.testing.store_suite import StoreSuite


def path_of(home: Path, digest: str) -> Path:
    return home / "store" / "blobs" / digest[7:9] / digest[9:]


class TestLocalStore(StoreSuite):
    @pytest.fixture
    def home(self, tmp_path):
        return tmp_path / "home"

    @pytest.fixture
    def store(self, home):
        return LocalStore(LocalStore.Config(), paths=Paths(home))

    @pytest.fixture
    def reopen(self, home):
        return lambda: LocalStore(LocalStore.Config(), paths=Paths(home))

    @pytest.fixture
    def opening(self, home):
        return (
            "from pathlib import Path\n"
            "from jupyterlab_dsp.model.local_store import LocalStore\n"
            "from jupyterlab_dsp.paths import Paths\n"
            f"store = LocalStore(LocalStore.Config(), paths=Paths(Path({str(home)!r})))"
        )

    @pytest.fixture
    def damage(self, home):
        def flip(digest):
            path = path_of(home, digest)
            path.chmod(0o600)
            with path.open("r+b") as file:
                file.seek(path.stat().st_size // 2)
                byte = file.read(1)
                file.seek(-1, 1)
                file.write(bytes([byte[0] ^ 1]))

        return flip

    def test_blobs_cannot_be_written_to(self, store, home):
        blob = store.put(b"x")
        assert stat.S_IMODE(path_of(home, blob.digest).stat().st_mode) == 0o400

    def test_a_moved_file_is_not_copied(self, store, home, tmp_path):
        file = tmp_path / "model.keras"
        file.write_bytes(os.urandom(3_000_000))
        inode = file.stat().st_ino
        blob = store.put(file, move=True)
        assert path_of(home, blob.digest).stat().st_ino == inode

    def test_the_collector_removes_what_killed_writers_left(self, store, home):
        (home / "store" / "tmp" / "abandoned").write_bytes(b"half")
        assert list(store.blobs()) == []
        with store.collecting():
            assert list((home / "store" / "tmp").iterdir()) == []

    def test_a_file_of_a_living_writer_is_left_alone(self, store, reopen, home):
        class Slow:
            pieces = [b"a" * 10, b"b" * 10]

            def read(self, size):
                started.set()
                time.sleep(0.2)
                return self.pieces.pop() if self.pieces else b""

        started = threading.Event()
        thread = threading.Thread(target=lambda: store.put(Slow()))
        thread.start()
        started.wait()
        with reopen().collecting():
            assert not thread.is_alive() or len(list(store.blobs())) == 1
        thread.join()
        assert len(list(store.blobs())) == 1

    def test_a_blob_cut_short_by_a_crash_is_replaced(self, store, home):
        blob = store.put(b"whole")
        path = path_of(home, blob.digest)
        path.chmod(0o600)
        path.write_bytes(b"who")
        store.put(b"whole")
        assert store.open(blob.digest).read() == b"whole"

    def test_strange_files_are_no_blobs(self, store, home):
        folder = home / "store" / "blobs" / "ab"
        folder.mkdir()
        (folder / ".DS_Store").write_bytes(b"")
        (home / "store" / "blobs" / "readme.txt").write_bytes(b"")
        assert list(store.blobs()) == []

    def test_a_stream_without_verification_can_seek(self, store):
        stream = store.open(store.put(b"0123456789").digest, verify=False)
        stream.seek(5)
        assert stream.read() == b"56789"

    @pytest.mark.parametrize("form", ["{}", "file://{}"])
    def test_the_folder_can_be_chosen(self, tmp_path, form):
        config = LocalStore.Config(url=form.format(tmp_path / "elsewhere"))
        LocalStore(config, paths=Paths(tmp_path / "home")).put(b"x")
        assert (tmp_path / "elsewhere" / "blobs").is_dir()

    def test_other_addresses_are_refused(self, tmp_path):
        with pytest.raises(InvalidInput) as caught:
            LocalStore(LocalStore.Config(url="s3://bucket"), paths=Paths(tmp_path))
        assert caught.value.details["field"] == "url"
