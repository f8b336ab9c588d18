"""The store behind fsspec, over its memory file system."""

import fsspec
import pytest

from jupyterlab_dsp.model.fsspec_store import FsspecStore
from jupyterlab_dsp.paths import Paths
from jupyterlab_dsp.testing.memory_store import MemoryStore
from jupyterlab_dsp.testing.store_suite import StoreSuite


class TestMemoryStore(StoreSuite):
    @pytest.fixture(params=[False, True], ids=["moved into place", "atomic put"])
    def config(self, request, tmp_path):
        return MemoryStore.Config(url=f"memory://{tmp_path.name}", atomic_put=request.param)

    @pytest.fixture
    def store(self, tmp_path, config):
        yield MemoryStore(config, paths=Paths(tmp_path / "home"))
        fsspec.filesystem("memory").rm(f"/{tmp_path.name}", recursive=True)

    @pytest.fixture
    def reopen(self, tmp_path, config):
        return lambda: MemoryStore(config, paths=Paths(tmp_path / "home"))

    @pytest.fixture
    def damage(self, tmp_path):
        def flip(digest):
            path = f"/{tmp_path.name}/blobs/{digest[7:9]}/{digest[9:]}"
            files = fsspec.filesystem("memory")
            data = bytearray(files.cat_file(path))
            data[len(data) // 2] ^= 1
            files.pipe_file(path, bytes(data))

        return flip


class TestFsspecStoreOnDisk(StoreSuite):
    """fsspec's own local file system: another back end, without a line of code of ours."""

    @pytest.fixture
    def store(self, tmp_path):
        config = FsspecStore.Config(url=f"file://{tmp_path}/remote")
        return FsspecStore(config, paths=Paths(tmp_path / "home"))
