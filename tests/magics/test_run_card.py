"""The widget for front ends without our extension: it follows the run and ends with it."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from jupyterlab_dsp import api
from jupyterlab_dsp.widgets import run_card

pytest.importorskip("anywidget")


def submit(source: str) -> Any:
    cell = {"id": "one", "source": source, "index": 0}
    return api.platform().call("train.submit", {"name": "card", "cells": [cell], "target": "one", "keep": False})


def wait_until(condition: Any, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_the_card_follows_the_run_until_it_ends(shell: Any) -> None:
    run = submit("import jupyterlab_dsp as dsp\nprint('hello')\ndsp.log(loss=0.5)\ndsp.log(loss=0.25)")
    card = run_card.make_card(run.id)
    wait_until(lambda: card.run["is_final"])
    assert card.run["state"] == "succeeded"
    assert card.series[0]["y"] == [0.5, 0.25]
    assert "hello" in card.log
    card._follower._thread.join(10)
    assert not card._follower._thread.is_alive()


def test_the_stop_button_stops_the_run(shell: Any) -> None:
    run = submit("import time\ntime.sleep(600)")
    card = run_card.make_card(run.id)
    assert card.run["is_final"] is False
    card._on_click(card, {"action": "stop"}, [])
    wait_until(lambda: card.run["is_final"])
    assert card.run["state"] == "stopped"
    card._on_click(card, {"action": "stop"}, [])
    assert "has ended" in card.problem
    card._on_click(card, "nonsense", [])


def test_a_run_that_is_gone_ends_the_card(shell: Any) -> None:
    card = run_card.make_card("ffffffffffff")
    assert "There is no run" in card.problem
    card._follower._thread.join(10)
    assert not card._follower._thread.is_alive()


def test_a_shell_without_widgets_gets_none(shell: Any) -> None:
    assert run_card.card_for(shell, "ffffffffffff") is None


def test_the_script_is_a_module_without_downloads() -> None:
    script = Path(run_card.__file__).with_name("run_card.js")
    text = script.read_text()
    assert "import " not in text
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    if node := shutil.which("node"):
        check = "import(process.argv[1]).then(m => { if (typeof m.default.render !== 'function') process.exit(1) })"
        copy = script.read_bytes()
        done = subprocess.run(
            [node, "--input-type=module", "-e", check, f"data:text/javascript;base64,{_base64(copy)}"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr


def _base64(data: bytes) -> str:
    import base64

    return base64.b64encode(data).decode()
