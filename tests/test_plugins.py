"""Plug-ins by name: what is missing or wrong is told in one sentence."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from jupyterlab_dsp import plugins
from jupyterlab_dsp.errors import ExtraMissing, InvalidInput, Unavailable
from jupyterlab_dsp.paths import Paths


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, EntryPoint]:
    """Entry points of the kind "formats", all made by the test."""
    points: dict[str, EntryPoint] = {}
    monkeypatch.setattr(plugins, "_found", lambda kind: points)
    monkeypatch.syspath_prepend(str(tmp_path))
    plugins.plugin_class.cache_clear()
    yield points
    plugins.plugin_class.cache_clear()


def test_unknown_name_lists_what_there_is() -> None:
    with pytest.raises(InvalidInput, match="sqlite"):
        plugins.plugin_class("records", "oracle")


def test_wrong_option_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="'speed'") as caught:
        plugins.create("records", "sqlite", {"speed": 9}, paths=Paths(tmp_path))
    assert caught.value.details["field"] == "speed"


@pytest.mark.parametrize(
    ("source", "error", "word"),
    [
        ("import no_such_package_anywhere", ExtraMissing, "no_such_package_anywhere"),
        ("def broken(:", Unavailable, "broken"),
        ("x = 1", Unavailable, "Made"),
    ],
)
def test_plugin_that_cannot_be_loaded_says_why(
    found: dict[str, EntryPoint], tmp_path: Path, source: str, error: type[Exception], word: str
) -> None:
    module = f"plugin_{abs(hash(source))}"
    (tmp_path / f"{module}.py").write_text(source)
    found["broken"] = EntryPoint("broken", f"{module}:Made", "jupyterlab_dsp.formats")
    with pytest.raises(error) as caught:
        plugins.plugin_class("formats", "broken")
    assert word in str(caught.value) or word in str(caught.value.__cause__)
