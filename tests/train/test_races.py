"""Runs between processes: submitters that die or dawdle, many who settle at once, full disks, proofs."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import pytest

from jupyterlab_dsp.errors import Conflict, NotFound
from jupyterlab_dsp.platform import Platform
from jupyterlab_dsp.settings import Settings
from jupyterlab_dsp.train import service
from tests.train.conftest import notebook

CELL = [{"id": "a", "index": 0, "source": "print('ran')\nimport time\ntime.sleep(30)"}]
REQUEST = {"name": "m", "cells": CELL, "target": "a", "keep": False}


@pytest.fixture
def other(platform):
    """A second process's view of the same home."""
    made = Platform(Settings(home=platform.settings.home))
    yield made
    made.close()


def recorded(platform, **more):
    """A run whose submitter died right after it had recorded it."""
    doc = {
        "id": "0123456789ab", "name": "m", "state": "starting", "is_final": False, "created_at": service.now(),
        "created_by": "t", "engine": "process", "stopping": False, **more,
    }  # fmt: skip
    platform.records.put("run", doc["id"], doc, expect=0)
    return doc["id"]


def test_run_declared_lost_while_it_was_being_started_does_not_run(platform, other, monkeypatch):
    plain = service.launch

    def slow(*args):
        monkeypatch.setattr(service, "START_GRACE_S", 0.0)
        [lost] = other.call("train.list", {}).items
        assert lost.state == "lost"
        return plain(*args)

    monkeypatch.setattr(service, "launch", slow)
    run = platform.call("train.submit", REQUEST)
    assert (run.state, run.is_final) == ("lost", True)
    deadline = time.monotonic() + 20
    while not (platform.paths.run(run.id) / "exit.json").exists():
        assert time.monotonic() < deadline, "it runs although it is called lost"
        time.sleep(0.05)
    assert platform.call("train.show", {"run_id": run.id}).state == "lost"


def test_run_stopped_while_it_was_being_started_is_stopped(platform, other, finish, monkeypatch):
    plain = service.launch

    def slow(*args):
        [run] = other.call("train.list", {}).items
        assert other.call("train.stop", {"run_id": run.id}).stopping
        return plain(*args)

    monkeypatch.setattr(service, "launch", slow)
    assert finish(platform.call("train.submit", REQUEST)).state == "stopped"


def test_run_that_ended_before_its_start_was_noted_stays_ended(platform, other, finish, monkeypatch):
    plain = service.launch

    def slow(prepared, *rest):
        handle = plain(prepared, *rest)
        ended = finish_on(other, prepared.run["id"])
        assert ended.state == "succeeded"
        return handle

    monkeypatch.setattr(service, "launch", slow)
    run = platform.call("train.submit", {**REQUEST, "cells": [{"id": "a", "index": 0, "source": "print(1)"}]})
    assert (run.state, run.is_final) == ("succeeded", True)


def finish_on(platform, run_id):
    deadline = time.monotonic() + 60
    while not (run := platform.call("train.show", {"run_id": run_id})).is_final:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return run


def test_run_whose_submitter_died_is_seen_running_and_can_be_stopped(platform, other, finish, monkeypatch):
    class Killed(BaseException):
        pass

    def killed(*_):
        raise Killed

    monkeypatch.setattr(service, "_started", killed)
    with pytest.raises(Killed):
        platform.call("train.submit", REQUEST)
    monkeypatch.undo()
    [row] = other.call("train.list", {}).items
    deadline = time.monotonic() + 20
    while (row := other.call("train.show", {"run_id": row.id})).state != "running":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    other.call("train.stop", {"run_id": row.id})
    assert finish(row).state == "stopped"


def test_interrupted_start_leaves_nothing_running(platform, monkeypatch):
    plain = service.launch

    def interrupted(*args):
        plain(*args)
        raise KeyboardInterrupt

    monkeypatch.setattr(service, "launch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        platform.call("train.submit", REQUEST)
    [row] = platform.call("train.list", {}).items
    assert (row.state, row.problem.kind) == ("failed", "start")
    deadline = time.monotonic() + 20
    while not (platform.paths.run(row.id) / "exit.json").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_run_that_was_never_started_is_lost_or_stopped_after_a_while(platform, monkeypatch):
    run_id = recorded(platform)
    assert platform.call("train.show", {"run_id": run_id}).state == "starting"
    assert platform.call("train.stop", {"run_id": run_id}).stopping
    monkeypatch.setattr(service, "START_GRACE_S", 0.0)
    run = platform.call("train.show", {"run_id": run_id})
    assert (run.state, run.problem.kind) == ("stopped", "stop")
    with pytest.raises(Conflict):
        platform.call("train.stop", {"run_id": run_id})


def test_run_of_an_engine_that_is_not_installed_does_not_hide_the_others(platform, submit, finish):
    run_id = recorded(platform, engine="not-installed")
    run = finish(submit("print(1)", keep=False))
    assert {row.id for row in platform.call("train.list", {}).items} == {run_id, run.id}
    assert platform.call("train.show", {"run_id": run_id}).state == "starting"
    platform.records.delete("run", run_id)


def test_clock_that_goes_backwards_gives_no_negative_time(platform, submit, finish, monkeypatch):
    run = submit("print(1)", keep=False)
    record = platform.records.get("run", run.id)
    platform.records.put("run", run.id, {**record.doc, "created_at": "2999-01-01T00:00:00.000Z"})
    run = finish(run)
    assert run.state == "succeeded"
    assert run.duration_s >= 0


def test_many_settle_at_once_and_one_writes(platform, submit, tmp_path):
    run = submit("print(1)", keep=False)
    deadline = time.monotonic() + 60
    while not (platform.paths.run(run.id) / "exit.json").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    before = platform.records.get("run", run.id).revision
    ask = f"Platform().call('train.show', {{'run_id': '{run.id}'}}).state"
    code = f"from jupyterlab_dsp.platform import Platform\nprint({ask})"
    env = {**os.environ, "DSP_HOME": str(platform.settings.home)}
    others = [
        subprocess.Popen([sys.executable, "-c", code], env=env, stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]
    states: list[str] = []
    threads = [
        threading.Thread(target=lambda: states.append(platform.call("train.show", {"run_id": run.id}).state))
        for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {*states, *(each.communicate(timeout=60)[0].strip() for each in others)} == {"succeeded"}
    assert platform.records.get("run", run.id).revision == before + 1


def test_model_stored_by_a_job_killed_before_it_could_say_so_is_known(submit, finish, platform):
    source = """
    import os, signal
    import jupyterlab_dsp.train.keep_model as keeping
    plain = keeping.keep_model
    def killed(*args):
        plain(*args)
        os.kill(os.getpid(), signal.SIGKILL)
    keeping.keep_model = killed
    model = {"a": 1}
    """
    run = finish(submit(source, model="model"))
    assert (run.state, run.problem.kind) == ("killed", "signal")
    assert (run.stored.model, run.stored.version) == ("m", 1)


def test_full_disk_is_one_sentence_and_leaves_nothing_half_written(submit, finish, platform):
    source = """
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))
    import os
    model = os.urandom(1_000_000)
    """
    run = finish(submit(source, model="model"))
    assert (run.state, run.problem.kind) == ("failed", "store")
    assert "\n" not in run.problem.message
    assert "File too large" in run.problem.message or "full" in run.problem.message
    assert run.stored is None
    report = platform.call("model.fsck", {})
    assert (report.is_clean, report.versions) == (True, 0)
    run = finish(submit("model = 1", model="model"))
    assert run.stored is not None, run.problem
    assert run.stored.version == 1


def test_result_that_cannot_be_written_is_told_as_that(submit, finish):
    source = """
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))
    """
    run = finish(submit(source, keep=False))
    assert (run.state, run.problem.kind) == ("failed", "store")
    assert "could not be written" in run.problem.message


# -- proofs --------------------------------------------------------------------------------------------------


def test_proof_exports_what_ran(finish, platform):
    run = platform.call("train.prove", {"name": "spec", "cells": notebook("n = 2", "print('n', n)")})
    run = finish(run)
    assert run.state == "succeeded", run.problem
    assert (run.purpose, run.stored, run.exported.version) == ("proof", None, 1)
    spec = platform.call("model.spec", {"name": "spec", "version": 1})
    assert spec.proof == "passed"
    assert spec.digest == run.exported.digest


def test_proof_that_fails_tells_the_users_traceback_and_exports_nothing(finish, platform):
    run = finish(platform.call("train.prove", {"name": "spec", "cells": notebook("n = 0", "print(1 / n)")}))
    assert (run.state, run.problem.kind, run.problem.cell_index) == ("failed", "exception", 1)
    assert "ZeroDivisionError" in run.problem.traceback
    assert run.exported is None
    assert platform.call("model.specs", {}).items == []
    with pytest.raises(NotFound):
        platform.call("model.spec", {"name": "spec", "version": 1})


def test_proof_of_something_that_was_overtaken_exports_nothing(finish, platform):
    run = platform.call("train.prove", {"name": "spec", "cells": notebook("import time\ntime.sleep(3)")})
    platform.call("model.export", {"name": "spec", "cells": notebook("n = 1")})
    run = finish(run)
    assert (run.state, run.problem.kind) == ("failed", "store")
    assert "is at version 1 now" in run.problem.message
    assert len(platform.call("model.specs", {}).items) == 1


def test_proof_of_what_cannot_be_exported_is_refused_at_once(platform):
    with pytest.raises(Conflict, match="mystery"):
        platform.call("train.prove", {"name": "spec", "cells": notebook("print(mystery)")})
    assert platform.call("train.list").items == []
