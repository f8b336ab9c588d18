"""``dsp`` as a process: answers on stdout, errors in one line on stderr, exit codes that scripts can trust."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from .typed_dsp import Dsp


def test_system_info(dsp: Dsp, place: Path) -> None:
    shown = json.loads(dsp("system", "--json").stdout)
    assert shown["home"] == str(place / "home")
    assert str(place / "home") in dsp("system").stdout
    assert dsp("--version").stdout.strip() == shown["version"]


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["trian"], 2, "error: There is no command 'trian'.\n  Did you mean 'train'?\n"),
        (["train", "show", "ffffffffffff"], 1, "error: There is no run 'ffffffffffff'."),
        (["train", "show", "zebra"], 1, "error: There is no run 'zebra'."),
        (["model", "show", "nothing"], 1, "error: There is no model 'nothing'."),
        (["model", "show", "../x"], 1, "error: "),
        (["train", "list", "--limit", "0"], 1, "error: The field 'limit' is wrong"),
        (["train", "list", "--filter", "("], 1, "error: "),
        (["train", "nowhere.ipynb", "--name", "x"], 1, "error: There is no notebook 'nowhere.ipynb'."),
        (["train", "sums.ipynb", "--cell", "99", "--name", "x"], 1, "error: There is no code cell '99'."),
        (["train", "sums.ipynb", "--cell", "2"], 2, "error: The run needs a name"),
        (["train", "sums.ipynb", "-p", "facter=1"], 1, "Did you mean 'factor'?"),
        (["load", "nothing@3"], 1, "error: "),
        (["model", "download", "nothing"], 1, "error: There is no model 'nothing'."),
        (["export", "sums.ipynb"], 2, "error: Missing: NAME."),
    ],
)
def test_expected_errors_are_sentences(dsp: Dsp, words: list[str], code: int, says: str) -> None:
    done = dsp(*words)
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_errors_as_json_have_code_and_details(dsp: Dsp) -> None:
    done = dsp("train", "show", "ffffffffffff", "--json")
    assert done.returncode == 1
    error = json.loads(done.stderr)
    assert error["code"] == "not_found"
    assert error["details"]["name"] == "ffffffffffff"


def test_a_file_that_is_no_notebook(dsp: Dsp, place: Path) -> None:
    (place / "text.ipynb").write_text("not json")
    (place / "list.ipynb").write_text("[]")
    for name in ("text.ipynb", "list.ipynb"):
        done = dsp("train", name, "--name", "x")
        assert done.returncode == 1
        assert "is no notebook" in done.stderr


def test_dry_run_shows_the_slice_and_starts_nothing(dsp: Dsp) -> None:
    before = json.loads(dsp("train", "list", "--json", "--count").stdout)["total"]
    done = dsp("train", "sums.ipynb", "--dry-run", "-p", "factor=7")
    assert done.returncode == 0, done.stderr
    assert "would train  sums" in done.stdout
    assert "cell 2  defines rows, factor" in done.stdout
    assert "factor = 7" in done.stdout
    assert json.loads(dsp("train", "list", "--json", "--count").stdout)["total"] == before


def test_a_cell_is_trained_with_the_options_of_its_own_line(dsp: Dsp, trained: dict[str, Any]) -> None:
    assert trained["state"] == "succeeded"
    assert trained["metrics"] == {"total": 30.0}
    assert trained["params"]["factor"] == 5
    assert trained["tags"] == {"origin": "cell"}
    assert trained["stored"] is None


def test_runs_are_named_by_last_and_by_the_beginning_of_their_id(dsp: Dsp, trained: dict[str, Any]) -> None:
    for name in (trained["id"], trained["id"][:6]):
        assert json.loads(dsp("train", "show", name, "--json").stdout)["id"] == trained["id"]
    assert dsp("train", "show", "last").returncode == 0
    assert "total 30" in dsp("train", "log", trained["id"]).stdout
    assert "factor = 5" in dsp("train", "source", trained["id"]).stdout
    assert trained["id"] in dsp("train", "list", "--filter", "total > 29").stdout
    assert "state" in dsp("train", "show", trained["id"]).stdout


def test_a_run_that_fails_ends_with_1_and_shows_the_users_own_line(dsp: Dsp) -> None:
    done = dsp("train", "sums.ipynb", "--cell", "fails", "--name", "broken", "--no-store", "--wait")
    assert done.returncode == 1
    assert "failed: Cell 4, line 3" in done.stderr
    assert "no_such_thing" in done.stderr
    assert "Traceback (most recent call last)" in done.stderr  # the user's own, not ours
    assert "jupyterlab_dsp" not in done.stderr


# a test run in the background of a shell inherits that SIGINT is ignored; somebody at a terminal does not
_INTERRUPTIBLE = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from jupyterlab_dsp.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def test_watching_can_be_interrupted_and_the_run_goes_on(dsp: Dsp, place: Path, environment: dict[str, str]) -> None:
    run = json.loads(dsp("train", "sums.ipynb", "--cell", "long", "--name", "long", "--no-store", "--json").stdout)
    watcher = subprocess.Popen(
        [sys.executable, "-c", _INTERRUPTIBLE, "train", "watch", run["id"]],
        cwd=place, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert watcher.stdout is not None
    assert run["id"] in watcher.stdout.readline()
    time.sleep(0.3)
    watcher.send_signal(signal.SIGINT)
    out, err = watcher.communicate(timeout=30)
    assert watcher.returncode == 130
    assert "goes on" in out
    assert "Traceback" not in err
    assert not json.loads(dsp("train", "show", run["id"], "--json").stdout)["is_final"]
    assert dsp("train", "stop", run["id"]).returncode == 0
    watched = dsp("train", "watch", run["id"])
    assert watched.returncode == 1
    assert "was stopped" in watched.stderr
    assert dsp("train", "delete", run["id"]).stdout.strip() == "Done."


def test_nobody_who_reads_on_is_no_error(place: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(
        f"{sys.executable} -m jupyterlab_dsp.cli train list --help | true",
        shell=True, cwd=place, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stderr == ""


def test_export_says_what_changed(dsp: Dsp, place: Path) -> None:
    notebook = json.loads((place / "sums.ipynb").read_text())
    (place / "exported.ipynb").write_text(json.dumps(notebook))
    first = dsp("export", "exported.ipynb", "sums", "--target", "3", "-m", "first")
    assert first.returncode == 0, first.stderr
    assert "The first version." in first.stdout
    assert "sums v1" in first.stdout
    notebook["cells"][1]["source"] = "rows = [1, 2, 3]\nfactor = 9"
    (place / "exported.ipynb").write_text(json.dumps(notebook))
    planned = dsp("model", "export", "exported.ipynb", "sums", "--target", "train", "--dry-run")
    assert "sums v2" in planned.stdout
    assert "Changed since v1" in planned.stdout
    assert "factor" in planned.stdout
    assert json.loads(dsp("model", "specs", "sums", "--json", "--count").stdout)["total"] == 1
    assert "factor 2" in dsp("model", "spec", "sums", "1").stdout
