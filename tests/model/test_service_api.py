"""``dsp.save`` and ``dsp.load`` as user code calls them."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import jupyterlab_dsp as dsp
from jupyterlab_dsp import api
from jupyterlab_dsp.errors import InvalidInput, NotFound
from jupyterlab_dsp.platform import Platform


@pytest.fixture(autouse=True)
def used(platform: Platform) -> Iterator[None]:
    api.use(platform)
    yield
    api.use(None)


def test_save_says_what_it_stored(platform: Platform) -> None:
    stored = dsp.save({"weights": [1] * 1000}, "digits", metrics={"val_accuracy": 0.97123}, message="first")
    assert repr(stored) == (
        f"digits v1 stored: {stored.size_bytes / 1000:.1f} kB, val_accuracy 0.9712, loads only with allow_unsafe=True"
    )
    assert "dsp.load(&quot;digits@1&quot;)" in stored._repr_html_()
    assert (stored.model, stored.version, stored.message) == ("digits", 1, "first")
    assert dsp.load("digits", allow_unsafe=True) == {"weights": [1] * 1000}


def test_html_is_escaped() -> None:
    stored = dsp.save(1, "digits", metrics={"<b>": 1.0})
    assert "<b>" not in stored._repr_html_()


def test_save_records_requirements_and_lock_once(platform: Platform) -> None:
    for number in range(2):
        dsp.save([number], "own", params={"a": number})
    first, second = (platform.call("model.version", {"model": "own", "version": number}) for number in (1, 2))
    assert any(line.startswith("cloudpickle==") for line in first.requirements)
    assert first.environment_digest == second.environment_digest != ""
    with platform.store.open(first.environment_digest) as stream:
        assert b'"lock"' in stream.read()
    platform.call("model.purge", {})
    assert platform.call("model.fsck").is_clean, "the lock is no orphan"


def test_save_of_a_version_by_name_takes_its_files(platform: Platform) -> None:
    dsp.save([1], "digits", metrics={"a": 1})
    again = dsp.save("digits@1", metrics={"a": 2}, message="measured again")
    other = dsp.save("digits@latest", "other", tags={"from": "digits"})
    assert (again.version, again.metrics, other.model, other.version) == (2, {"a": 2.0}, "other", 1)
    with pytest.raises(NotFound):
        dsp.save("nothing@1")


def test_save_needs_a_name() -> None:
    with pytest.raises(InvalidInput, match="needs a name"):
        dsp.save([1])
    with pytest.raises(InvalidInput, match="cannot be the name"):
        dsp.save([1], "a/b")
    with pytest.raises(InvalidInput, match="no formats plug-in 'zip'"):
        dsp.save([1], "a", format="zip")


def test_data_and_notebook_go_into_the_lineage(platform: Platform) -> None:
    token = api.notebook.set("work/digits.ipynb")
    try:
        dsp.save([1], "digits", data={"x": np.zeros((4, 2)), "note": None})
    finally:
        api.notebook.reset(token)
    detail = platform.call("model.resolve", {"model": "digits"})
    assert [(step.noun, step.label) for step in detail.lineage] == [
        ("notebook", "digits.ipynb"),
        ("data", "x"),
        ("data", "note"),
        ("version", "digits v1"),
    ]
    assert detail.data[0].shape == [4, 2]


def test_save_starts_no_process(platform: Platform) -> None:
    code = (
        "import sys, jupyterlab_dsp as dsp\n"
        "def hook(event, args):\n"
        "    if event.startswith(('subprocess', 'os.fork', 'os.exec', 'os.posix_spawn', 'os.system')): sys.exit(7)\n"
        "sys.addaudithook(hook)\n"
        "print(dsp.save([1], 'digits'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"DSP_HOME": str(platform.settings.home), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout[:17]) == (0, "digits v1 stored:"), done.stderr


@pytest.mark.keras
@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("keras") is None, reason="Keras is not installed")
def test_keras_model_goes_in_and_comes_back(platform: Platform) -> None:
    import keras

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(64), keras.layers.Dense(2)])
    model.compile("adam", "mse")
    first = dsp.save(model, "net", metrics={"val_loss": 0.5})
    assert first.unsafe_reason is None
    x = np.ones((3, 4), "float32")
    loaded: Any = dsp.load("net@1")
    assert np.array_equal(loaded(x), model(x))
    before = {blob.digest for blob in platform.store.blobs()}
    dsp.save(model, "net", metrics={"val_loss": 0.4})
    new = [blob for blob in platform.store.blobs() if blob.digest not in before]
    assert len(new) == 1, "equal weights, configuration and environment are there already: only the manifest is new"
    detail = platform.call("model.resolve", {"model": "net"})
    assert {line.partition("==")[0] for line in detail.requirements} >= {"keras", "tensorflow"}
    assert [layer["params"] for layer in detail.facts["layers"]] == [320, 130]
