"""Area ``train``: what ``%%dsp train`` costs beside ``python train.py`` with the same code."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from .harness import Bound, Options, Row, from_pairs
from .peers import workplace
from .side import OURS, environment

#: Writes the time of the first batch and of each epoch's end; the same in both, so that its cost is in both.
SOURCE = """
import time
import keras
import numpy as np

class Clock(keras.callbacks.Callback):
    def __init__(self, file):
        super().__init__()
        self.file = file
        self.first = None

    def note(self, name):
        with open(self.file, "a") as out:
            out.write(f"{name} {time.time()}\\\\n")

    def on_train_batch_begin(self, batch, logs=None):
        if self.first is None:
            self.first = True
            self.note("first")

    def on_epoch_end(self, epoch, logs=None):
        self.note("epoch")

keras.utils.set_random_seed(0)
rows = 32 * STEPS
x = np.random.default_rng(0).random((rows, 784), dtype="float32")
y = np.random.default_rng(1).integers(0, 10, rows)
model = keras.Sequential([
    keras.Input((784,)),
    keras.layers.Dense(256, activation="relu"),
    keras.layers.Dense(256, activation="relu"),
    keras.layers.Dense(10, activation="softmax"),
])
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x, y, epochs=EPOCHS, batch_size=32, verbose=0, callbacks=[Clock(FILE)])
""".replace("\\\\n", "\\n")


def steps(options: Options) -> Iterator[Row]:
    """From the start of the cell to the first step, and the time of a step."""
    count, epochs = options.size(800, 50), options.size(5, 3)
    firsts, each = [], []
    with ExitStack() as stack:
        folder = stack.enter_context(workplace("train"))
        cell = stack.enter_context(_notebook(folder))
        for turn in range(options.turns(5) + 1):
            bare = _times(folder, f"bare-{turn}", count, epochs, lambda code, _: _script(folder, code))
            ours = _times(folder, f"ours-{turn}", count, epochs, lambda code, name: cell(_cell(code, name)))
            if turn:  # the first pair warms the disk
                firsts.append((ours[0], bare[0]))
                each.append((ours[1], bare[1]))
    yield from_pairs(
        "start of the cell to the first step", "s", firsts, Bound("difference", 1.0), other_name="python train.py"
    )
    yield from_pairs("one step", "s", each, Bound("ratio", 1.02), other_name="python train.py")


def _times(folder: Path, name: str, count: int, epochs: int, run: Any) -> tuple[float, float]:
    """(start to first step, seconds of a step after the first epoch)."""
    file = folder / f"{name}.txt"
    code = f"FILE = {str(file)!r}\nSTEPS = {count}\nEPOCHS = {epochs}\n{SOURCE}"
    began = time.time()
    run(code, name)
    deadline = time.time() + 600
    while True:
        noted = [line.split() for line in file.read_text().splitlines()] if file.exists() else []
        ends = [float(at) for what, at in noted if what == "epoch"]
        if len(ends) == epochs:
            break
        if time.time() > deadline:
            raise RuntimeError(f"{name} did not finish: {len(ends)} of {epochs} epochs")
        time.sleep(0.05)
    return float(noted[0][1]) - began, (ends[-1] - ends[0]) / (epochs - 1) / count


def _script(folder: Path, code: str) -> None:
    script = folder / "train.py"
    script.write_text(code)
    done = subprocess.run([str(OURS), str(script)], cwd=folder, env=environment(), capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])


def _cell(code: str, name: str) -> str:
    return f"%%dsp train --name {name} --no-store\n{code}"


@contextmanager
def _notebook(folder: Path) -> Iterator[Any]:
    """A kernel with the magics loaded; yields a function that runs a cell in it and waits for its end."""
    from jupyter_client.manager import KernelManager

    env = environment(DSP_HOME=str(folder / "home"))
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(env={**os.environ, **env}, cwd=str(folder))
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=60)

    def run(source: str) -> None:
        printed: list[str] = []
        reply = client.execute_interactive(
            source, timeout=600, output_hook=lambda message: printed.append(str(message["content"]))
        )
        if reply["content"]["status"] != "ok":
            raise RuntimeError(f"the cell failed: {reply['content'].get('evalue')} {''.join(printed)[-1500:]}")

    try:
        run("%load_ext jupyterlab_dsp")
        yield run
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


GROUPS = (steps,)
