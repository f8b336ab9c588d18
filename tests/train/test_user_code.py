"""User code as it comes: loud, forking, threading, exiting, closing what is not its own. Runs end, and end truly."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from jupyterlab_dsp.platform import Platform
from jupyterlab_dsp.settings import Settings

pytestmark = pytest.mark.slow


@pytest.fixture
def log(platform):
    def read(run, **more):
        return platform.call("train.log", {"run_id": run.id, **more}).text

    return read


# -- output --------------------------------------------------------------------------------------------------


def test_200_mb_of_output_are_cut_in_the_middle(submit, finish, platform):
    source = (
        "line = 'x' * 999\nprint('first')\nfor i in range(200):\n    print('\\n'.join([line] * 1000))\nprint('last')"
    )
    run = finish(submit(source, keep=False))
    assert run.state == "succeeded", run.problem
    size = (platform.paths.run(run.id) / "output.log").stat().st_size
    assert size <= platform.settings.keep_log_bytes
    head = platform.call("train.log", {"run_id": run.id, "limit": 1000}).text
    tail = platform.call("train.log", {"run_id": run.id, "limit": 1000, "tail": True})
    assert head.startswith("first\n")
    assert tail.text.endswith("last\n")
    assert tail.is_final


def test_endless_printer_is_stopped_and_its_log_bounded(submit, finish, platform):
    run = submit("while True:\n    print('again and again')", keep=False)
    deadline = time.monotonic() + 30
    while not platform.call("train.log", {"run_id": run.id}).text:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    platform.call("train.stop", {"run_id": run.id})
    assert finish(run).state == "stopped"


def test_output_that_is_no_text_is_replaced(submit, finish, log):
    source = "import os\nos.write(1, b'\\xff\\xfe good \\xe4\\n')\nprint('half \\ud800 pair')\nprint('naïve 🦓')"
    run = finish(submit(source.encode("ascii", "backslashreplace").decode(), keep=False))
    assert run.state == "succeeded", run.problem
    assert "good" in log(run)
    assert "\\ud800" in log(run)


def test_unfinished_line_and_progress_bar_are_seen_while_they_last(submit, finish, platform):
    source = """
    import time
    print("Loading ä", end="", flush=True)
    time.sleep(6)
    for i in range(3):
        print(f"{i}%", end="\\r")
    """
    run = submit(source, keep=False)
    deadline = time.monotonic() + 20
    while "Loading ä" not in platform.call("train.log", {"run_id": run.id}).text:
        assert time.monotonic() < deadline
        assert not platform.call("train.show", {"run_id": run.id}).is_final
        time.sleep(0.1)
    assert finish(run).state == "succeeded"


def test_tqdm_and_warnings_reach_the_log(submit, finish, log):
    source = """
    import warnings
    from tqdm.auto import tqdm
    for i in tqdm(range(3)):
        pass
    warnings.warn("beware")
    """
    run = finish(submit(source, keep=False))
    assert run.state == "succeeded", run.problem
    assert "100%" in log(run)
    assert "<cell 1>:5: UserWarning: beware" in log(run)


def test_closed_streams_do_not_hide_the_end(submit, finish):
    run = finish(submit("import sys\nsys.stdout.close()\nsys.stderr.close()", keep=False))
    assert run.state == "succeeded", run.problem
    run = finish(submit("import sys\nsys.stdout = sys.stderr = None\n1 / 0", keep=False))
    assert run.problem is not None
    assert "ZeroDivisionError" in run.problem.message


# -- ends ----------------------------------------------------------------------------------------------------


def test_sys_exit_says_done_in_the_last_cell_only(submit, finish):
    run = finish(submit("import sys\nx = 1", "print(x)\nsys.exit()", keep=False))
    assert run.state == "succeeded", run.problem
    run = finish(submit("import sys\nx = 1\nsys.exit()", "print(x)", keep=False))
    assert (run.state, run.problem.kind) == ("failed", "exit")
    assert run.problem.cell_index == 0
    run = finish(submit("import sys\nsys.exit('no data')", keep=False))
    assert run.state == "failed"
    assert "'no data'" in run.problem.message


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("raise ValueError('first line\\nsecond line')", "ValueError: first line"),
        ("raise ValueError('x' * 10_000_000)", "ValueError: xxx"),
        ("raise ValueError", "ValueError"),
        ("class Odd(Exception):\n    def __str__(self): raise RuntimeError\nraise Odd", "Odd"),
        ("def f(n): return f(n + 1)\nf(0)", "RecursionError"),
        ("input('name? ')", "EOFError"),
        ("exec('a b')", "SyntaxError"),
        ("raise BaseExceptionGroup('many', [ValueError(1), KeyboardInterrupt()])", "many"),
    ],
)
def test_exception_is_told_in_one_line(submit, finish, source, message):
    run = finish(submit(source, keep=False))
    assert (run.state, run.problem.kind) == ("failed", "exception")
    assert message in run.problem.message
    assert "\n" not in run.problem.message
    assert len(run.problem.message) < 2100
    assert len(run.problem.traceback) < 21_000
    if message == "EOFError":
        assert "keyboard" in run.problem.hint
    if message == "RecursionError":
        assert "repeated" in run.problem.traceback
        assert "RecursionError" in run.problem.traceback


def test_traceback_in_the_log_begins_in_the_cell(submit, finish, log):
    run = finish(submit("import json\njson.loads('{')", keep=False))
    text = log(run)
    assert text.index("<cell 1>") < text.index("json/__init__.py")
    assert "jupyterlab_dsp" not in text


# -- threads, processes, folders -----------------------------------------------------------------------------


def test_threads_that_never_end_do_not_keep_the_run(submit, finish):
    source = """
    import threading, time
    for n in range(2):
        threading.Thread(target=time.sleep, args=(3600,), name=f"spinner-{n}").start()
    """
    run = finish(submit(source, keep=False))
    assert run.state == "succeeded", run.problem
    assert run.exit_code == 0
    assert any("spinner-0, spinner-1" in warning for warning in run.warnings)


def test_thread_that_ends_is_waited_for(submit, finish, log):
    source = """
    import threading, time
    def work():
        time.sleep(1)
        print("thread is done")
    threading.Thread(target=work).start()
    """
    run = finish(submit(source, keep=False))
    assert run.state == "succeeded"
    assert "thread is done" in log(run)
    assert run.warnings == []


def test_forked_child_is_not_the_run(submit, finish, log):
    source = """
    import os
    import jupyterlab_dsp as dsp
    child = os.fork()
    dsp.log(auc=0.5 if child else 0.1)
    """
    ending = """
    if child:
        os.waitpid(child, 0)
    print("end of", "parent" if child else "child")
    """
    run = finish(submit(source, ending, keep=False))
    assert run.state == "succeeded", run.problem
    assert run.metrics == {"auc": 0.5}
    assert "end of child" in log(run)
    assert "end of parent" in log(run)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_pools_find_functions_and_classes_of_the_cells(submit, finish, log, method):
    first = """
    import multiprocessing as mp
    from dataclasses import dataclass
    FACTOR = 3

    @dataclass
    class Point:
        x: int

    def scale(point):
        return Point(point.x * FACTOR)
    """
    second = f"""
    print("work begins")
    with mp.get_context("{method}").Pool(2) as pool:
        print(pool.map(scale, [Point(1), Point(2)]))
    """
    run = finish(submit(first, second, keep=False), 60)
    assert run.state == "succeeded", run.problem
    assert "[Point(x=3), Point(x=6)]" in log(run)
    assert log(run).count("work begins") == 1


def test_main_guard_runs_and_file_is_unknown(submit, finish, log):
    source = """
    if __name__ == "__main__":
        print("guarded")
    try:
        __file__
    except NameError:
        print("no file")
    import sys
    assert sys.modules["__main__"].__dict__ is globals()
    """
    run = finish(submit(source, keep=False))
    assert run.state == "succeeded", run.problem
    assert "guarded\nno file" in log(run)


def test_future_imports_last_as_in_a_notebook(submit, finish, log):
    first = "from __future__ import annotations\nimport math"
    second = "def f(x: int): return x\nprint(f.__annotations__, math.pi)"
    run = finish(submit(first, second, keep=False))
    assert run.state == "succeeded", run.problem
    assert "{'x': 'int'} 3.14" in log(run)


def test_cells_live_in_the_notebooks_folder(submit, finish, log, tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "data.txt").write_text("forty-two")
    (folder / "beside.py").write_text("ANSWER = 42\n")
    source = "import os, beside\nprint(open('data.txt').read(), beside.ANSWER, os.getcwd())"
    run = finish(submit(source, keep=False, notebook=str(folder / "a.ipynb")))
    assert run.state == "succeeded", run.problem
    assert f"forty-two 42 {folder}" in log(run)


def test_chdir_and_a_removed_folder_do_not_lose_the_run(submit, finish, tmp_path):
    folder = tmp_path / "gone"
    folder.mkdir()
    source = "import os, shutil\nshutil.rmtree(os.getcwd())\nprint('removed')"
    run = finish(submit(source, keep=False, folder=str(folder)))
    assert run.state == "succeeded", run.problem
    run = finish(submit("import os\nos.chdir('/')", keep=False))
    assert run.state == "succeeded", run.problem


def test_figures_are_drawn_without_a_window(submit, finish):
    pytest.importorskip("matplotlib")
    source = """
    import matplotlib.pyplot as plt
    import jupyterlab_dsp as dsp
    figure, axes = plt.subplots()
    axes.plot([1, 2])
    plt.show()
    dsp.log_artifact(figure, "plots/curve.png")
    """
    run = finish(submit(source, keep=False))
    assert run.state == "succeeded", run.problem
    assert [file.path for file in run.artifacts] == ["plots/curve.png"]


# -- parameters, metrics -------------------------------------------------------------------------------------


def test_parameters_of_every_type_are_kept(submit, finish):
    source = (
        "a = {'x', 'y'}\nb = (1, 2)\nc = 1e999\nd = {1: None}\ne = -0.0\nf = 2**3\ng = 123456789012345678901234567890\n"
        "h = 'ä\\n'\ni = [[], {}]\nj = True\nk = None\n"
    )
    run = finish(submit(source, "print(a, b, c, d, e, g, h, i, j, k)", keep=False))
    assert run.state == "succeeded", run.problem
    params = run.params
    assert (params["a"], params["b"], params["c"], params["d"]) == (["x", "y"], [1, 2], "inf", {"1": None})
    assert "f" not in params
    assert json.loads(run.model_dump_json())["params"]["h"] == "ä\n"


def test_metric_axes_count_for_each_name(submit, finish, platform):
    source = """
    import jupyterlab_dsp as dsp
    for i in range(3):
        dsp.log(loss=i)
        dsp.log(accuracy=-i)
    dsp.log({"loss": float("nan"), "accuracy": float("inf")}, step=10)
    """
    run = finish(submit(source, keep=False))
    curves = {one.name: one for one in platform.call("train.curves", {"run_id": run.id}).series}
    assert curves["loss"].x == curves["accuracy"].x == [1, 2, 3, 10]
    assert curves["loss"].y == [0, 1, 2, None]


def test_a_million_logged_points_stay_small_and_end_where_they_end(submit, finish, platform):
    source = "import jupyterlab_dsp as dsp\nfor i in range(100_000):\n    dsp.log(loss=i)"
    run = finish(submit(source, keep=False))
    assert run.state == "succeeded", run.problem
    folder = platform.paths.run(run.id)
    assert (folder / "events.jsonl").stat().st_size < 2_000_000
    [curve] = platform.call("train.curves", {"run_id": run.id, "points": 100}).series
    assert curve.x[-1] == 100_000
    assert len(curve.x) <= 100


def test_broken_reporting_never_reaches_the_training(submit, finish, platform, log):
    # the event log and live.json go, the cells go on
    source = """
    import os, sys
    import jupyterlab_dsp as dsp
    from jupyterlab_dsp.train.current import current_run
    os.close(current_run().tracker._events._fd)
    dsp.log(auc=0.5)
    dsp.log(auc=0.7)
    print("went on")
    """
    run = finish(submit(source, keep=False))
    assert run.state == "succeeded", run.problem
    assert run.metrics == {"auc": 0.7}
    assert any("could not be written" in warning for warning in run.warnings)
    assert log(run).count("could not be written") == 1


def test_model_that_cannot_be_stored_is_told_as_such(submit, finish):
    source = "class Odd:\n    def __reduce__(self): raise RuntimeError('no way')\nmodel = Odd()"
    run = finish(submit(source, model="model"))
    assert run.state == "failed"
    assert run.problem.kind == "store"
    assert "stored" in run.problem.message or "pickle" in run.problem.message
    assert run.stored is None


def test_newest_model_of_the_target_cell_is_stored(submit, finish, platform):
    pytest.importorskip("sklearn")
    first = "from sklearn.linear_model import LinearRegression, LogisticRegression\nmodel = LinearRegression()"
    second = (
        "other = LogisticRegression().fit([[0], [1]], [0, 1])\n"
        "model.fit([[0], [1]], [0, 1])\nprint(other.predict([[0]]))"
    )
    run = finish(submit(first, second))
    assert run.stored is not None, run.warnings
    facts = platform.call("model.version", {"model": "m", "version": 1}).facts
    assert "LinearRegression" in json.dumps(facts)


# -- home ----------------------------------------------------------------------------------------------------


def test_home_that_cannot_be_made_is_one_sentence(tmp_path: Path):
    (tmp_path / "file").write_text("")
    platform = Platform(Settings(home=tmp_path / "file" / "home"))
    from jupyterlab_dsp.errors import Unavailable

    with pytest.raises(Unavailable, match="cannot be made"):
        platform.call("train.list")


def test_settings_of_the_submitter_are_those_of_the_job(tmp_path: Path, finish, monkeypatch):
    monkeypatch.delenv("DSP_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    platform = Platform(Settings(home=Path("relative"), user="Zoë", keep_log_bytes=10_000))
    cells = [{"id": "a", "index": 0, "source": "import os\nprint(os.environ['DSP_HOME'])"}]
    run = platform.call("train.submit", {"name": "m", "cells": cells, "target": "a", "keep": False})
    deadline = time.monotonic() + 60
    while not (run := platform.call("train.show", {"run_id": run.id})).is_final:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert run.state == "succeeded", run.problem
    assert (run.created_by, run.environment_digest != "") == ("Zoë", True)
    assert str(tmp_path / "relative") in platform.call("train.log", {"run_id": run.id}).text
    platform.close()
