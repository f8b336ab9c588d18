"""A run through the platform's door: what it takes along, what it logs, how its end is told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from jupyterlab_dsp.errors import CellNotRunnable, Conflict, InvalidInput, NotFound, UnknownParameter


def test_run_takes_only_the_cells_it_needs(submit, finish, platform):
    run = finish(submit("a = 2", "raise RuntimeError('not needed')", "print('sum', a + 1)", keep=False))
    assert run.state == "succeeded", run.problem
    assert [cell.index for cell in run.cells] == [0, 2]
    assert "sum 3" in platform.call("train.log", {"run_id": run.id}).text


def test_parameters_replace_top_level_assignments(submit, finish, platform):
    run = finish(submit("units = 16\nlr = 0.1", "print(units, lr)", params={"units": 64}, keep=False))
    assert run.params == {"units": 64, "lr": 0.1}
    assert "64 0.1" in platform.call("train.log", {"run_id": run.id}).text
    assert "units = 64" in platform.call("train.source", {"run_id": run.id}).module


def test_unknown_parameter_suggests_the_nearest_and_records_nothing(submit, platform):
    with pytest.raises(UnknownParameter) as caught:
        submit("units = 16", "print(units)", params={"unit": 1})
    assert "units" in str(caught.value)
    assert platform.call("train.list").items == []


def test_undefined_name_is_refused_before_the_start(submit, platform):
    with pytest.raises(CellNotRunnable) as caught:
        submit("a = 1", "print(a, mystery)")
    assert "mystery" in str(caught.value)
    assert platform.call("train.list").items == []


def test_failure_is_the_users_own_traceback(submit, finish):
    run = finish(submit("def divide(a, b):\n    return a / b", "x = 1\ny = divide(x, 0)", keep=False))
    assert run.state == "failed"
    assert run.problem is not None
    assert run.problem.kind == "exception"
    assert "ZeroDivisionError" in run.problem.message
    assert (run.problem.cell_index, run.problem.line) == (0, 2)
    assert "<cell 1>" in (run.problem.traceback or "")
    assert "jupyterlab_dsp" not in (run.problem.traceback or "")
    assert run.exit_code == 1


def test_syntax_errors_are_refused_with_cell_and_line(submit):
    with pytest.raises(CellNotRunnable) as caught:
        submit("a = 1", "b = = 2")
    assert "line 1" in str(caught.value)


def test_stop_ends_every_process(submit, finish, platform):
    run = submit(
        "import subprocess, sys, time, os\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True)\n"
        "print('child', child.pid, flush=True)\ntime.sleep(600)",
        keep=False,
    )
    deadline = time.monotonic() + 30
    while "child" not in (text := platform.call("train.log", {"run_id": run.id}).text):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    child = int(text.split("child ")[1].split()[0])
    platform.call("train.stop", {"run_id": run.id})
    ended = finish(run)
    assert ended.state == "stopped"
    assert ended.problem is not None
    assert ended.problem.kind == "stop"
    _gone(child)
    with pytest.raises(Conflict):
        platform.call("train.stop", {"run_id": run.id})


def _gone(pid: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        with open(f"/proc/{pid}/stat") as stat:
            if stat.read().split(")")[1].split()[0] == "Z":
                return
        time.sleep(0.05)
    raise AssertionError(f"process {pid} is still there")


def test_memory_limit_is_told_with_both_figures(submit, finish):
    source = (
        "import time\nheld = bytearray(400_000_000)\nfor i in range(0, len(held), 4096): held[i] = 1\ntime.sleep(60)"
    )
    run = finish(submit(source, keep=False, memory_limit_bytes=300_000_000))
    assert run.state == "killed"
    assert run.problem is not None
    assert run.problem.kind == "memory_limit"
    assert "of 0.30 GB" in run.problem.message
    assert "--memory" in (run.problem.hint or "")
    assert (run.peak_memory_bytes or 0) > 250_000_000


def test_killed_job_is_never_shown_as_succeeded(submit, finish):
    run = finish(submit("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", keep=False))
    assert run.state == "killed"
    assert run.signal == signal.SIGKILL


def test_leaving_early_is_a_failure(submit, finish):
    run = finish(submit("import os\nos._exit(0)", keep=False))
    assert run.state == "failed"
    assert run.problem is not None
    assert run.problem.kind == "exit"


def test_run_outlives_the_process_that_submitted_it(platform, finish, tmp_path):
    code = (
        "from jupyterlab_dsp.platform import Platform\n"
        "cells = [{'id': 'a', 'index': 0, 'source': 'import time; time.sleep(1.5); print(\"done\")'}]\n"
        "run = Platform().call('train.submit', {'name': 'm', 'cells': cells, 'target': 'a', 'keep': False})\n"
        "print(run.id)\n"
    )
    env = {**os.environ, "DSP_HOME": str(tmp_path / "home")}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    run = platform.call("train.show", {"run_id": done.stdout.strip()})
    assert run.state == "running"
    assert finish(run).state == "succeeded"


def test_retry_runs_the_same_cells_with_new_parameters(submit, finish, platform):
    first = finish(submit("n = 1", "print('n is', n)", keep=False))
    second = finish(platform.call("train.retry", {"run_id": first.id, "params": {"n": 5}}))
    assert second.retry_of == first.id
    assert "n is 5" in platform.call("train.log", {"run_id": second.id}).text
    assert second.spec_digest != first.spec_digest


def test_dsp_log_makes_curves_and_outside_a_run_does_nothing(submit, finish, platform):
    import jupyterlab_dsp as dsp

    dsp.log(auc=0.5)
    with pytest.raises(InvalidInput):
        dsp.log(auc="high")
    with pytest.raises(InvalidInput, match="step"):
        dsp.log(auc=0.5, step=float("nan"))
    source = (
        "import jupyterlab_dsp as dsp\nfor i in range(5):\n    dsp.log({'auc': i / 10, 'nan': float('nan')}, step=i)"
    )
    run = finish(submit(source, keep=False))
    assert run.state == "succeeded", run.problem
    assert run.metrics == {"auc": 0.4, "nan": None}
    curves = platform.call("train.curves", {"run_id": run.id})
    series = {one.name: one for one in curves.series}
    assert series["auc"].y == [0.0, 0.1, 0.2, 0.3, 0.4]
    assert series["nan"].y == [None] * 5


def test_artifacts_are_kept_and_downloaded(submit, finish, platform):
    source = "import jupyterlab_dsp as dsp\ndsp.log_artifact(b'hello', 'notes/a.txt')"
    run = finish(submit(source, keep=False))
    assert [file.path for file in run.artifacts] == ["notes/a.txt"]
    with platform.call("train.file", {"run_id": run.id, "path": "notes/a.txt"}).stream as stream:
        assert stream.read() == b"hello"
    with pytest.raises(NotFound):
        platform.call("train.file", {"run_id": run.id, "path": "../job.json"})


def test_filters_and_sorting(submit, finish, platform):
    for value in (0.3, 0.9, 0.6):
        finish(submit(f"import jupyterlab_dsp as dsp\ndsp.log(auc={value})", keep=False))
    page = platform.call("train.list", {"filter": "auc > 0.5", "sort": "auc", "order": "asc", "count": True})
    assert [row.metrics["auc"] for row in page.items] == [0.6, 0.9]
    assert page.total == 2
    with pytest.raises(InvalidInput) as caught:
        platform.call("train.list", {"filter": "auc >"})
    assert caught.value.details["field"] == "filter"


def test_delete_forgets_a_run_that_ended(submit, finish, platform):
    run = finish(submit("print(1)", keep=False))
    platform.call("train.delete", {"run_id": run.id})
    with pytest.raises(NotFound):
        platform.call("train.show", {"run_id": run.id})
    assert not platform.paths.run(run.id).exists()


def test_compare_shows_what_differs(submit, finish, platform):
    source = "import jupyterlab_dsp as dsp\ndsp.log(val_accuracy=n / 10)"
    first = finish(submit("n = 1\nsame = 3", source + "\nprint(same)", keep=False))
    second = finish(submit("n = 7\nsame = 3", source + "\nprint(same)", keep=False))
    result = platform.call("train.compare", {"refs": [first.id, second.id]})
    rows = {(row.section, row.field): row for row in result.rows}
    assert rows["parameters", "n"].values == [1, 7]
    assert ("parameters", "same") not in rows
    assert rows["metrics", "val_accuracy"].best == 1
    assert "60.0 points" in result.verdict
    assert result.code
    assert result.equal_count > 0
    with pytest.raises(InvalidInput):
        platform.call("train.compare", {"refs": [first.id, "not a run"]})


def test_bare_names_of_parameters_filter_and_sort(submit, finish, platform):
    for n in (1, 5, 3):
        finish(submit(f"n = {n}", "print(n)", keep=False))
    page = platform.call("train.list", {"filter": "n > 1", "sort": "n", "order": "asc"})
    assert [row.params["n"] for row in page.items] == [3, 5]


def test_sent_values_survive_a_purge(submit, finish, platform):
    from jupyterlab_dsp.train.sending import send

    sent = send(platform.store, [1, 2, 3], "values", platform.paths.scratch)
    run = finish(submit("print(sum(values))", sent={"values": sent.digest}, keep=False))
    assert run.state == "succeeded", run.problem
    platform.call("model.purge", {})
    again = finish(platform.call("train.retry", {"run_id": run.id}))
    assert again.state == "succeeded", again.problem
