"""What a notebook's kernel does, for ever: train, export, prove. ``python kernel.py ACKNOWLEDGED SEED``.

What was acknowledged is one line of the file: "run ID", "version NUMBER RUN" or "spec NUMBER DIGEST".
"""

from __future__ import annotations

import os
import random
import sys
import time
from typing import Any

from jupyterlab_dsp.errors import Conflict
from jupyterlab_dsp.platform import Platform

CELL = """
import time
import jupyterlab_dsp as dsp
number = {number}
for step in range(8):
    dsp.log(loss=1 / (step + 1))
    time.sleep(0.02)
model = {{"weights": bytes([number % 7]) * 300_000, "number": number}}
"""


def request(rng: random.Random, name: str) -> dict[str, Any]:
    source = CELL.format(number=rng.randrange(10**9))
    return {"name": name, "cells": [{"id": "a", "index": 0, "source": source}], "target": "a"}


def main() -> None:
    acknowledged = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def acknowledge(*words: object) -> None:
        # one write: a killed kernel leaves a whole line or none
        os.write(acknowledged, (" ".join(map(str, words)) + "\n").encode())

    rng = random.Random(int(sys.argv[2]))
    platform = Platform()
    while True:
        if rng.random() < 0.25:
            run = platform.call("train.prove", request(rng, "proven"))
        else:
            run = platform.call("train.submit", {**request(rng, "m"), "model": "model"})
        acknowledge("run", run.id)
        try:
            spec = platform.call("model.export", request(rng, "spec"))
            acknowledge("spec", spec.version, spec.digest)
        except Conflict:
            acknowledge("conflict")
        deadline = time.monotonic() + 20
        while not (run := platform.call("train.show", {"run_id": run.id})).is_final and time.monotonic() < deadline:
            time.sleep(0.03)
        if run.stored:
            acknowledge("version", run.stored.version, run.id)


if __name__ == "__main__":
    main()
