"""An unchanged Keras cell: logged without a line of user code, stored as the next version."""

from __future__ import annotations

import pytest

import jupyterlab_dsp as dsp

pytestmark = [pytest.mark.keras, pytest.mark.slow]

DATA = """
import numpy as np
rng = np.random.default_rng(0)
x = rng.normal(size=(256, 8)).astype("float32")
y = (x.sum(axis=1) > 0).astype("int32")
"""
MODEL = """
import keras
keras.utils.set_random_seed(1)
model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(units, "relu"), keras.layers.Dense(2, "softmax")])
model.compile(keras.optimizers.Adam(1e-2), "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x, y, validation_split=0.25, epochs=epochs, batch_size=32, verbose=0)
"""


def test_keras_cell_is_logged_and_stored(submit, finish, platform):
    run = finish(submit(DATA, "units = 4\nepochs = 3", MODEL, params={"units": 8}, model="model"))
    assert run.state == "succeeded", run.problem
    assert run.framework.startswith("keras 3")
    assert run.progress is not None
    assert (run.progress.epoch, run.progress.epochs) == (3, 3)
    assert {"loss", "accuracy", "val_loss", "val_accuracy"} <= run.metrics.keys()
    assert run.compile["optimizer"]["class"] == "Adam"
    assert run.compile["optimizer"]["learning_rate"] == pytest.approx(1e-2)
    assert run.compile["batch_size"] == 32
    assert "Dense" in run.summary
    assert run.signature is not None
    assert run.signature["inputs"][0]["shape"] == [None, 8]
    assert run.signature["outputs"][0]["shape"] == [None, 2]
    assert {data.role for data in run.data} == {"x", "y"}
    assert all(data.digest for data in run.data)
    assert run.environment["packages"]["keras"].startswith("3.")
    assert run.environment_digest
    assert run.hardware["cpu_count"] >= 1
    assert (run.peak_memory_bytes or 0) > 100_000_000
    assert (run.cpu_time_s or 0) > 0
    curves = {(one.name, one.unit): one for one in platform.call("train.curves", {"run_id": run.id}).series}
    assert curves["val_accuracy", "epoch"].x == [1.0, 2.0, 3.0]
    assert run.stored is not None
    assert (run.stored.model, run.stored.version) == ("m", 1)

    version = platform.call("model.version", {"model": "m", "version": 1})
    assert version.run_id == run.id
    assert version.params["units"] == 8
    assert version.metrics["val_accuracy"] == run.metrics["val_accuracy"]
    assert [step.noun for step in version.lineage][-2:] == ["run", "version"]
    model = dsp.load("m@1")
    assert model.count_params() == 8 * 8 + 8 + 8 * 2 + 2


def test_failed_fit_names_the_line(submit, finish):
    broken = MODEL.replace("model.fit(x, y,", "model.fit(x, y[:10],")
    run = finish(submit(DATA, "units = 4\nepochs = 1", broken))
    assert run.state == "failed"
    assert run.problem is not None
    assert run.problem.cell_index == 2
    assert run.problem.line == 5
    assert run.stored is None


def test_model_variable_that_does_not_exist_falls_back_with_a_warning(submit, finish):
    run = finish(submit(DATA, "units = 4\nepochs = 1", MODEL, model="best"))
    assert run.state == "succeeded", run.problem
    assert run.stored is not None
    assert any("best" in warning for warning in run.warnings)


def test_sklearn_model_is_found_and_stored(submit, finish):
    fit = "from sklearn.linear_model import LogisticRegression\nclf = LogisticRegression().fit(x, y)"
    run = finish(submit(DATA, fit))
    assert run.state == "succeeded", run.problem
    assert run.stored is not None
