"""The many ways in which people call ``fit``: each is reported, none is disturbed."""

from __future__ import annotations

import textwrap

import pytest

pytestmark = [pytest.mark.keras, pytest.mark.slow]

#: one process for many ways: importing Keras takes seconds
START = """
import os
import numpy as np
import importlib.util
importlib.util.find_spec("keras")  # as transformers does: asking is not importing
import keras
import jupyterlab_dsp as dsp
from jupyterlab_dsp.train.current import current_run

rng = np.random.default_rng(0)
x = rng.normal(size=(64, 4)).astype("float32")
y = (x.sum(axis=1) > 0).astype("int32")

def make(**more):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"], **more)
    return model

def tracker():
    return current_run().tracker

def progress():
    return tracker().progress
"""


@pytest.fixture
def ways(submit, finish, platform):
    def run(*sources, **fields):
        ended = finish(submit(START, *(textwrap.dedent(source) for source in sources), keep=False, **fields), 240)
        log = platform.call("train.log", {"run_id": ended.id}).text
        assert ended.state == "succeeded", (ended.problem, log)
        return ended

    return run


def test_callbacks_in_every_form_are_kept_and_ours_goes_away_again(ways):
    ways("""
        seen = []
        class Mine(keras.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                seen.append(type(self.model).__name__)

        model = make()
        one = Mine()
        model.fit(x, y, verbose=0, callbacks=one)
        model.fit(x, y, verbose=0, callbacks=[one])
        model.fit(x, y, verbose=0, callbacks=(one, [Mine()]))
        model.fit(x, y, 32, 1, 0, [one])                                    # all by place
        own = keras.callbacks.CallbackList([one], model=model, epochs=2, steps=2)
        model.fit(x, y, verbose=0, epochs=2, callbacks=own)
        model.fit(x, y, verbose=0, epochs=2, callbacks=own)
        assert [type(each).__name__ for each in own.callbacks] == ["Mine"], own.callbacks
        bare = keras.callbacks.CallbackList([])
        model.fit(x, y, verbose=0, callbacks=bare)
        mine = [one]
        model.fit(x, y, verbose=0, callbacks=mine)
        assert mine == [one]
        assert seen == ["Sequential"] * 10, seen
        assert tracker().warnings == [], tracker().warnings
        try:
            model.fit(x, y, nonsense=1)
        except TypeError as error:
            assert "nonsense" in str(error)
        """)


def test_odd_models_optimizers_and_data_never_fail_for_us(ways):
    run = ways("""
        class Sub(keras.Model):
            def __init__(self):
                super().__init__()
                self.dense = keras.layers.Dense(2, "softmax")
            def call(self, inputs):
                return self.dense(inputs)
            def summary(self, *args, **kwargs):
                raise RuntimeError("no summary")

        class Odd(keras.optimizers.SGD):
            def get_config(self):
                raise NotImplementedError

        model = Sub()
        model.compile(Odd(), "sparse_categorical_crossentropy")
        weights = dict(zip(np.unique(y), np.array([1.0, 2.0])))             # numpy keys, as scikit-learn gives them
        model.fit(x, y, verbose=0, class_weight=weights)

        def batches():
            while True:
                yield x[:8], y[:8]
        make().fit(batches(), steps_per_epoch=3, epochs=2, verbose=0)
        assert progress()["steps"] == 3

        class Sequence(keras.utils.PyDataset):
            def __len__(self): return 4
            def __getitem__(self, index): return x[:8], y[:8]
        make().fit(Sequence(), verbose=0)

        import tensorflow as tf
        make().fit(tf.data.Dataset.from_tensor_slices((x, y)).batch(16), epochs=2, verbose=0)
        assert progress()["steps"] == 4, progress()

        class Loop(keras.Model):
            def __init__(self):
                super().__init__()
                self.dense = keras.layers.Dense(2, "softmax")
            def call(self, inputs):
                return self.dense(inputs)
            def fit(self, *args, **kwargs):
                return super().fit(*args, **kwargs)
            def train_step(self, data):
                return {"own": 0.5}
        model = Loop()
        model.compile("sgd")
        model.build((None, 4))
        model.fit(x, y, epochs=2, verbose=0)
        assert tracker().metrics["own"] == 0.5
        """)
    assert [warning.split(":")[0] for warning in run.warnings] == ["Could not record summary of the training"]
    assert run.compile["optimizer"]["class"] == "SGD"


def test_early_stopping_nan_and_fits_in_a_loop(ways, platform):
    run = ways("""
        model = make()
        early = keras.callbacks.EarlyStopping("loss", min_delta=99, patience=1)
        model.fit(x, y, epochs=50, verbose=0, callbacks=[early])
        stopped = dict(progress())
        assert stopped["epoch"] < 50 and stopped["epochs"] == 50, stopped

        def inside():
            make().fit(x * np.nan, y, epochs=2, verbose=0)
        inside()
        assert tracker().metrics["loss"] is None

        for n in range(120):
            model.fit(x[: n % 7 + 8], y[: n % 7 + 8], verbose=0)
        model.fit(x, y, epochs=3, initial_epoch=1, verbose=0)
        """)
    assert len(run.data) <= 100
    assert run.metrics["loss"] is not None
    series = platform.call("train.curves", {"run_id": run.id}).series
    [loss] = [one for one in series if (one.name, one.unit) == ("loss", "epoch")]
    assert loss.x == sorted(loss.x)
    assert len(set(loss.x)) == len(loss.x)
    assert None in loss.y


def test_custom_loop_with_dsp_log(ways, platform):
    run = ways("""
        import tensorflow as tf
        model = make()
        optimizer = keras.optimizers.Adam(1e-2)
        for step in range(30):
            with tf.GradientTape() as tape:
                loss = keras.ops.mean(keras.losses.sparse_categorical_crossentropy(y, model(x, training=True)))
            gradients = tape.gradient(loss, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))
            dsp.log(loss=loss)
        """)
    [curve] = platform.call("train.curves", {"run_id": run.id}).series
    assert curve.x == list(range(1, 31))
    assert curve.y[-1] < curve.y[0]


def test_10_000_epochs_stay_small_and_fast(ways, platform):
    import time

    run = ways("""
        from jupyterlab_dsp.train import keras_hook
        # the callback alone: 10 000 real epochs would only heat the room
        report = keras_hook._report_class(keras, tracker())({"epochs": 10_000})
        model = make()
        report.set_model(model)
        report.set_params({"epochs": 10_000, "steps": 10})
        report.on_train_begin()
        import time
        names = ("loss", "accuracy", "val_loss", "val_accuracy")
        begun = time.perf_counter()
        for epoch in range(10_000):
            report.on_epoch_begin(epoch)
            for step in range(10):
                report.on_train_batch_begin(step)
                report.on_train_batch_end(step, {"loss": 0.5})
            report.on_epoch_end(epoch, {name: 1 / (epoch + 1) for name in names})
        report.on_train_end()
        dsp.log(seconds=time.perf_counter() - begun)
        """)
    folder = platform.paths.run(run.id)
    print("100 000 steps and 10 000 epochs of reporting:", run.metrics["seconds"], "s")
    assert run.metrics["seconds"] < 60
    assert (folder / "live.json").stat().st_size < 50_000
    assert (folder / "events.jsonl").stat().st_size < 3_000_000
    begun = time.perf_counter()
    curves = platform.call("train.curves", {"run_id": run.id, "points": 500})
    print("curves:", time.perf_counter() - begun, "s")
    assert time.perf_counter() - begun < 2
    assert all(len(one.x) <= 500 for one in curves.series)
    assert run.progress.epoch == 10_000
