"""What the browser tests need to find: made on the real records, the real store and real processes of ``DSP_HOME``.

python seed.py JOB [ARGS]; prints one JSON document.
"""

from __future__ import annotations

import json
import math
import random
import sys
import time
from typing import Any

from jupyterlab_dsp.model.plugin import Saved, SavedFile
from jupyterlab_dsp.platform import Platform

DATA = """\
from sklearn.datasets import load_digits
digits = load_digits()
x = digits.data.astype("float32") / 16.0
y = digits.target
"""

MODEL = """\
import keras
keras.utils.set_random_seed(7)
model = keras.Sequential([
    keras.Input((64,)),
    keras.layers.Dense(units, activation="relu"),
    keras.layers.Dense(10, activation="softmax"),
])
model.compile(optimizer=keras.optimizers.Adam(lr), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x, y, validation_split=0.2, epochs=epochs, batch_size=64, verbose=2)
"""


def versions(platform: Platform, model: str, count: str, kilobytes: str = "100") -> Any:
    """``count`` versions of one model: the first has files, the others have its files and their own metadata.

    Each of the last two has ``kilobytes`` of its own, so that a purge has something to free.
    """
    total, size, dice = int(count), int(kilobytes) * 1000, random.Random(1)
    weights = [dice.randbytes(size) for _ in range(3)]

    def add(number: int, own: bytes) -> None:
        platform.model.add_version(
            model,
            Saved([SavedFile("model.bin", own), SavedFile("config.json", b"{}")]),
            format="keras",
            metrics=_metrics(number, dice),
            params=_params(number),
            tags={"stage": "nightly" if number % 7 == 0 else "manual"},
            message=f"seeded {number}",
        )

    add(1, weights[0])
    for number in range(2, total - 1):
        platform.model.copy_version(
            f"{model}@1",
            metrics=_metrics(number, dice),
            params=_params(number),
            tags={"stage": "nightly" if number % 7 == 0 else "manual"},
            message=f"seeded {number}",
        )
    add(total - 1, weights[1])
    add(total, weights[2])
    return {"versions": total}


def _metrics(number: int, dice: random.Random) -> dict[str, float]:
    accuracy = 0.99 - 0.2 * math.exp(-number / 2000) - 0.02 * dice.random()
    return {"val_accuracy": round(accuracy, 6), "val_loss": round(1.5 * (1 - accuracy), 6)}


def _params(number: int) -> dict[str, Any]:
    return {"units": 16 * (1 + number % 8), "lr": 0.001 * (1 + number % 3), "epochs": 3}


def runs(platform: Platform, name: str) -> Any:
    """Three real Keras runs of one model, one with another architecture; returns their ids."""
    wider = MODEL.replace(
        '    keras.layers.Dense(10, activation="softmax"),\n',
        '    keras.layers.Dropout(0.3),\n    keras.layers.Dense(10, activation="softmax"),\n',
    )
    ids = [
        _submit(platform, name, DATA, f"units = {units}\nlr = {lr}\nepochs = 4", code)
        for units, lr, code in ((16, 0.001, MODEL), (64, 0.003, MODEL), (64, 0.003, wider))
    ]
    return {"runs": [_wait(platform, run_id) for run_id in ids]}


def _submit(platform: Platform, name: str, *sources: str) -> str:
    cells = [{"id": f"c{index}", "source": source.strip("\n"), "index": index} for index, source in enumerate(sources)]
    run = platform.call(
        "train.submit", {"name": name, "cells": cells, "target": cells[-1]["id"], "notebook": f"{name}.ipynb"}
    )
    return str(run.id)


def _wait(platform: Platform, run_id: str) -> str:
    while True:
        run = platform.call("train.show", {"run_id": run_id})
        if run.is_final:
            assert run.state == "succeeded", run.problem
            return run_id
        time.sleep(0.2)


def blobs(platform: Platform) -> Any:
    """Bytes that the store holds."""
    return {"bytes": sum(blob.size_bytes for blob in platform.store.blobs())}


if __name__ == "__main__":
    home = Platform()
    print(json.dumps({"versions": versions, "runs": runs, "blobs": blobs}[sys.argv[1]](home, *sys.argv[2:])))
    home.close()
