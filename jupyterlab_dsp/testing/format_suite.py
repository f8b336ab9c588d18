"""Conformance of a model format. Subclass it in a test module of your plug-in:

class TestMyFormat(FormatSuite):
    @pytest.fixture
    def format(self): return MyFormat()
    @pytest.fixture
    def model(self): return a_small_fitted_model()
    def same(self, first, second): return (first.predict(X) == second.predict(X)).all()
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ..errors import DspError, UnsafeFormat
from ..model.manifest import check_path
from ..model.plugin import Format, Saved


class FormatSuite:
    """What every format must do. ``model`` is a fixture with an object that it can save."""

    #: whether loading the ``model`` fixture is refused without ``allow_unsafe``
    is_unsafe = False
    #: whether two saves of the same object are the same bytes (so that they are stored once)
    is_stable = True

    @pytest.fixture
    def format(self) -> Format:
        raise NotImplementedError

    @pytest.fixture
    def model(self) -> Any:
        raise NotImplementedError

    def same(self, first: Any, second: Any) -> bool:
        """Whether two objects behave the same."""
        raise NotImplementedError

    def test_is_a_format(self, format: Format) -> None:
        assert isinstance(format, Format)
        assert format.name == format.name.lower()
        assert format.label
        assert isinstance(format.priority, int)
        assert type(format).Config.model_json_schema()["type"] == "object"  # type: ignore[attr-defined]

    def test_handles_its_model_and_not_a_stranger(self, format: Format, model: Any) -> None:
        assert format.handles(model)
        if format.priority > 0:
            assert not format.handles(object())
            assert not format.handles({"a": 1})
            assert not format.handles(type(model))

    def test_asking_imports_nothing(self, format: Format) -> None:
        cls = type(format)
        code = (
            "import sys, importlib\n"
            f"cls = getattr(importlib.import_module({cls.__module__!r}), {cls.__name__!r})\n"
            "before = set(sys.modules)\n"
            "cls().handles(object()); cls().handles({}); cls().code('x')\n"
            "new = {name.partition('.')[0] for name in set(sys.modules)}\n"
            "heavy = new & {'keras', 'tensorflow', 'torch', 'sklearn', 'skops', 'xgboost', 'pandas', 'numpy', 'jax'}\n"
            "print(sorted(heavy)); sys.exit(bool(heavy))\n"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def test_saves_files_below_the_folder(self, format: Format, model: Any, tmp_path: Path) -> None:
        saved = _save(format, model, tmp_path / "saved")
        assert saved.files
        paths = [check_path(file.path) for file in saved.files]
        assert len(set(paths)) == len(paths)
        for file in saved.files:
            if isinstance(file.source, Path):
                assert file.source.resolve().is_relative_to((tmp_path / "saved").resolve())
                assert file.source.is_file()

    def test_facts_are_json_and_name_the_class(self, format: Format, model: Any, tmp_path: Path) -> None:
        saved = _save(format, model, tmp_path / "saved")
        facts = json.loads(json.dumps(saved.facts, allow_nan=False))
        assert type(model).__name__ in facts["class"]
        json.dumps(saved.signature, allow_nan=False)
        assert all(isinstance(name, str) for name in saved.modules)

    def test_loads_what_it_saved(self, format: Format, model: Any, tmp_path: Path) -> None:
        saved = _save(format, model, tmp_path / "saved")
        folder = _lay(saved, tmp_path / "laid")
        loaded = format.load(folder, facts=saved.facts, allow_unsafe=self.is_unsafe)
        assert type(loaded).__name__ == type(model).__name__
        assert self.same(model, loaded)

    def test_loads_from_read_only_files(self, format: Format, model: Any, tmp_path: Path) -> None:
        """The store may link its blobs into the folder."""
        saved = _save(format, model, tmp_path / "saved")
        folder = _lay(saved, tmp_path / "laid")
        before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for path in before:
            path.chmod(0o400)
        format.load(folder, facts=saved.facts, allow_unsafe=self.is_unsafe)
        assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before

    def test_says_whether_loading_runs_code(self, format: Format, model: Any, tmp_path: Path) -> None:
        saved = _save(format, model, tmp_path / "saved")
        assert bool(saved.unsafe_reason) == self.is_unsafe
        if self.is_unsafe:
            with pytest.raises(UnsafeFormat) as caught:
                format.load(_lay(saved, tmp_path / "laid"), facts=saved.facts, allow_unsafe=False)
            assert caught.value.hint

    def test_saves_the_same_model_as_the_same_bytes(self, format: Format, model: Any, tmp_path: Path) -> None:
        if not self.is_stable:
            pytest.skip("this format does not promise it")
        first = _contents(_save(format, model, tmp_path / "first"))
        second = _contents(_save(format, model, tmp_path / "second"))
        assert first == second

    def test_damaged_files_are_one_of_our_errors(self, format: Format, model: Any, tmp_path: Path) -> None:
        saved = _save(format, model, tmp_path / "saved")
        folder = _lay(saved, tmp_path / "laid")
        for path in folder.rglob("*"):
            if path.is_file():
                path.write_bytes(b"\x00damaged")
        with pytest.raises(DspError):
            format.load(folder, facts=saved.facts, allow_unsafe=True)

    def test_code_is_python_and_does_without_us(self, format: Format) -> None:
        code = format.code('"some/folder"')
        compile(code, "load.py", "exec")
        assert "some/folder" in code
        assert "jupyterlab_dsp" not in code


def _save(format: Format, model: Any, folder: Path) -> Saved:
    folder.mkdir()
    return format.save(model, folder)


def _contents(saved: Saved) -> dict[str, bytes]:
    return {
        file.path: file.source if isinstance(file.source, bytes) else file.source.read_bytes() for file in saved.files
    }


def _lay(saved: Saved, folder: Path) -> Path:
    """The files as a store lays them out for ``load``."""
    for path, content in _contents(saved).items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return folder
