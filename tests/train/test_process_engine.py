"""Supervised processes: the conformance suite, and what happens when the supervisor itself is killed."""

import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest

from jupyterlab_dsp import processes, supervisor
from jupyterlab_dsp.errors import Conflict, InvalidInput, NotFound
from jupyterlab_dsp.paths import Paths
from jupyterlab_dsp.testing.engine_suite import (
    DAEMONS,
    EngineSuite,
    assert_gone,
    ended,
    printed,
    until,
    wait,
)
from jupyterlab_dsp.train.plugin import JobSpec
from jupyterlab_dsp.train.process_engine import ProcessEngine

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX processes")


@pytest.fixture
def engine(tmp_path):
    return ProcessEngine(ProcessEngine.Config(), paths=Paths(tmp_path / "home"))


class TestProcessEngine(EngineSuite):
    @pytest.fixture
    def opening(self, tmp_path):
        return (
            "from pathlib import Path\n"
            "from jupyterlab_dsp.train.process_engine import ProcessEngine\n"
            "from jupyterlab_dsp.paths import Paths\n"
            f"engine = ProcessEngine(ProcessEngine.Config(), paths=Paths(Path({str(tmp_path)!r}) / 'home'))"
        )


def start(engine, folder, code, **fields):
    folder.mkdir(exist_ok=True)
    argv = [sys.executable, "-c", textwrap.dedent(code)]
    return engine.start(JobSpec(folder=folder, argv=argv, **fields))


def kill_supervisor(handle):
    process = psutil.Process(handle["supervisor_pid"])
    assert supervisor.start_of(process.pid) == handle["supervisor_start"]
    process.kill()


def alive_of(folder):
    """Processes that carry the mark of the job in ``folder``."""
    mark = f"{supervisor.MARKER}={json.loads((folder / 'process.json').read_text())['marker']}".encode()
    found = []
    for process in psutil.process_iter():
        try:
            environ = Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0")
            if mark in environ and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except (OSError, psutil.Error):
            continue
    return found


def test_a_killed_supervisor_means_lost_and_nothing_left(engine, tmp_path):
    handle = start(engine, tmp_path / "job", DAEMONS)
    wait(lambda: printed(tmp_path / "job").count("\n") == 3)
    until(engine, handle, "running")
    kill_supervisor(handle)
    status = ended(engine, handle)
    assert (status.state, status.exit_code, status.ended_by) == ("lost", None, None)
    assert status.started_at is not None
    assert status.ended_at is not None
    assert_gone(int(pid) for pid in printed(tmp_path / "job").split())
    assert alive_of(tmp_path / "job") == []
    assert engine.poll(handle) == status


def test_the_command_does_not_survive_its_supervisor(engine, tmp_path):
    handle = start(engine, tmp_path / "job", "import os, time; print(os.getpid(), flush=True); time.sleep(60)")
    wait(lambda: printed(tmp_path / "job").endswith("\n"))
    kill_supervisor(handle)
    pid = int(printed(tmp_path / "job"))
    # nobody polls: the kernel does it
    wait(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE, 5)


def test_stop_ends_what_a_killed_supervisor_left(engine, tmp_path):
    handle = start(engine, tmp_path / "job", DAEMONS)
    wait(lambda: printed(tmp_path / "job").count("\n") == 3)
    kill_supervisor(handle)
    wait(lambda: not supervisor_alive(handle))
    engine.stop(handle)
    assert_gone(int(pid) for pid in printed(tmp_path / "job").split())
    assert engine.poll(handle).state == "lost"


def supervisor_alive(handle):
    fields = supervisor.stat_of(handle["supervisor_pid"])
    return fields is not None and fields[0] not in (b"Z", b"X")


def test_a_leftover_with_an_empty_environment_is_found_by_its_session(engine, tmp_path):
    code = """
        import os, sys, time
        bare = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
        if not os.fork():
            os.execve(sys.executable, [sys.executable, "-c", bare], {})
        if not os.fork():
            print(os.getpid(), flush=True)
            time.sleep(60)
        time.sleep(60)
    """
    handle = start(engine, tmp_path / "job", code)
    wait(lambda: printed(tmp_path / "job").count("\n") == 2)
    kill_supervisor(handle)
    assert ended(engine, handle).state == "lost"
    assert_gone(int(pid) for pid in printed(tmp_path / "job").split())


def test_the_supervisor_is_no_zombie_and_has_no_terminal(engine, tmp_path):
    before = psutil.Process().children()
    handle = start(engine, tmp_path / "job", "import time; time.sleep(60)")
    process = psutil.Process(handle["supervisor_pid"])
    assert process.terminal() is None
    assert process.ppid() != os.getpid()
    assert os.getsid(process.pid) != os.getsid(0)
    os.kill(process.pid, signal.SIGHUP)
    os.kill(process.pid, signal.SIGINT)
    assert until(engine, handle, "running")
    engine.stop(handle, grace_s=0)
    ended(engine, handle)
    assert set(psutil.Process().children()) <= set(before)


def test_a_terminated_supervisor_ends_the_job_first(engine, tmp_path):
    handle = start(engine, tmp_path / "job", "import time; print('ready', flush=True); time.sleep(60)")
    wait(lambda: printed(tmp_path / "job") == "ready\n")
    os.kill(handle["supervisor_pid"], signal.SIGTERM)
    status = ended(engine, handle)
    assert (status.state, status.signal, status.ended_by) == ("exited", signal.SIGTERM, None)


def test_a_process_that_a_job_starts_outlives_it(engine, tmp_path):
    inner = tmp_path / "inner"
    inner.mkdir()
    code = f"""
        import sys
        from pathlib import Path
        from jupyterlab_dsp import processes
        processes.start(Path({str(inner)!r}), [sys.executable, "-c", "import time; time.sleep(1.5); print('done')"])
    """
    assert ended(engine, start(engine, tmp_path / "outer", code)).exit_code == 0
    assert engine.poll({"folder": str(inner)}).state in ("starting", "running")
    assert ended(engine, {"folder": str(inner)}).exit_code == 0
    assert printed(inner) == "done\n"


# -- between record and start ------------------------------------------------------------------------------


def record(folder, **changes):
    folder.mkdir()
    handle = {"folder": str(folder)}
    values = {
        "state": "starting",
        "argv": [sys.executable, "-c", "open('ran', 'w')"],
        "marker": "none",
        "memory_limit_bytes": None,
        "keep_bytes": None,
        "created_at": supervisor.now(),
        "host": processes.socket.gethostname(),
        "boot": supervisor.boot_id(),
        "starter_pid": os.getpid(),
        "starter_start": supervisor.start_of(os.getpid()),
    }
    (folder / "process.json").write_text(json.dumps({**values, **changes}))
    return handle


def test_a_start_that_never_happened_is_lost_after_a_grace(engine, tmp_path):
    folder = tmp_path / "job"
    handle = record(folder, created_at="2020-01-01T00:00:00.000Z", starter_start="t1")
    assert engine.poll(handle).state == "lost"
    # a supervisor that comes late finds that it may not begin any more
    subprocess.run([sys.executable, "-I", "-S", supervisor.__file__, str(folder)], check=False)
    time.sleep(0.3)
    assert not (folder / "ran").exists()
    assert engine.poll(handle) == engine.poll(handle)
    assert engine.poll(handle).state == "lost"


def test_a_start_under_way_is_starting(engine, tmp_path):
    assert engine.poll(record(tmp_path / "job")).state == "starting"


def test_a_stop_before_the_start_is_obeyed(engine, tmp_path):
    folder = tmp_path / "job"
    handle = record(folder)
    engine.stop(handle)
    subprocess.run([sys.executable, "-I", "-S", supervisor.__file__, str(folder)], check=False)
    status = ended(engine, handle)
    assert (status.state, status.exit_code, status.ended_by) == ("exited", None, "stop")
    assert not (folder / "ran").exists()


def test_a_command_that_cannot_be_executed_leaves_word(engine, tmp_path):
    folder = tmp_path / "job"
    folder.mkdir()
    (folder / "bad").write_text("#!/no/such/interpreter\n")
    (folder / "bad").chmod(0o755)
    status = ended(engine, engine.start(JobSpec(folder=folder, argv=["./bad"])))
    assert status.exit_code == 127
    assert "could not be started: No such file" in printed(folder)


# -- process numbers are reused ----------------------------------------------------------------------------


def test_a_stranger_with_the_same_number_is_left_alone(engine, tmp_path):
    folder = tmp_path / "job"
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    try:
        handle = record(folder)
        boot = supervisor.boot_id()
        claim = {"supervisor_pid": stranger.pid, "supervisor_start": "t1", "boot": boot}
        (folder / "process-claim.json").write_text(json.dumps(claim))
        child = {"pid": stranger.pid, "start": "t1", "started_at": supervisor.now()}
        (folder / "process-child.json").write_text(json.dumps(child))
        assert engine.poll(handle).state == "lost"
        engine.stop(handle)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_before_the_last_boot_means_gone(engine, tmp_path):
    folder = tmp_path / "job"
    handle = record(folder)
    me = {
        "supervisor_pid": os.getpid(),
        "supervisor_start": supervisor.start_of(os.getpid()),
        "boot": "another",
    }
    (folder / "process-claim.json").write_text(json.dumps(me))
    (folder / "process-child.json").write_text(json.dumps({"pid": 1, "start": "t1", "started_at": supervisor.now()}))
    assert engine.poll(handle).state == "lost"


def test_another_machine_is_believed(engine, tmp_path):
    folder = tmp_path / "job"
    handle = record(folder, host="elsewhere")
    (folder / "process-claim.json").write_text(
        json.dumps({"supervisor_pid": 1, "supervisor_start": "t1", "boot": "another"})
    )
    (folder / "process-child.json").write_text(json.dumps({"pid": 1, "start": "t1", "started_at": supervisor.now()}))
    assert engine.poll(handle).state == "running"
    engine.stop(handle)
    assert (folder / "stop.json").exists()


# -- refusals ----------------------------------------------------------------------------------------------


def test_refusals_have_our_errors(engine, tmp_path):
    with pytest.raises(NotFound):
        engine.start(JobSpec(folder=tmp_path / "nothing", argv=[sys.executable]))
    with pytest.raises(NotFound):
        engine.stop({"folder": str(tmp_path / "nothing")})
    with pytest.raises(InvalidInput):
        engine.poll({})
    handle = start(engine, tmp_path / "job", "pass")
    with pytest.raises(Conflict):
        start(engine, tmp_path / "job", "pass")
    ended(engine, handle)


def test_poll_is_cheap_once_it_has_ended(engine, tmp_path):
    handle = start(engine, tmp_path / "job", "pass")
    ended(engine, handle)
    began = time.perf_counter()
    for _ in range(100):
        engine.poll(handle)
    assert (time.perf_counter() - began) / 100 < 0.001


def test_the_supervisor_imports_nothing_of_the_package():
    code = (
        f"import sys; exec(compile(open({supervisor.__file__!r}).read(), 'supervisor', 'exec'), {{'__name__': 'x'}});"
        "print(sorted(n for n in ('jupyterlab_dsp', 'pydantic', 'psutil', 'typing', 'ctypes') if n in sys.modules))"
    )
    command = [sys.executable, "-I", "-S", "-c", code]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"


# -- faults ------------------------------------------------------------------------------------------------


SUBMITTER = """
import sys, time
from pathlib import Path
from jupyterlab_dsp import processes
job = "import subprocess, sys, time\\nsubprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])"
print("go", flush=True)
processes.start(Path({folder!r}), [sys.executable, "-c", job + "\\ntime.sleep(0.3)"])
time.sleep(60)
"""


def kill_if_same(pid, start_mark):
    if pid is not None and supervisor.start_of(pid) == start_mark:
        os.kill(pid, signal.SIGKILL)


@pytest.mark.faults
@pytest.mark.slow
def test_whatever_is_killed_the_state_ends_true(engine, tmp_path):
    """80 times: the submitter, the supervisor or the command is killed with -9 at a random moment."""
    rng = random.Random(11)
    ends = {}
    for round_ in range(80):
        folder = tmp_path / f"job{round_}"
        folder.mkdir()
        handle = {"folder": str(folder)}
        code = SUBMITTER.format(folder=str(folder))
        submitter = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
        submitter.stdout.readline()
        victim = ("submitter", "supervisor", "command")[round_ % 3]
        time.sleep(rng.random() * (0.08 if victim == "submitter" else 0.4))
        if victim == "supervisor":
            claim = supervisor.read_json(str(folder), "process-claim.json") or {}
            kill_if_same(claim.get("supervisor_pid"), claim.get("supervisor_start"))
        if victim == "command":
            child = supervisor.read_json(str(folder), "process-child.json") or {}
            kill_if_same(child.get("pid"), child.get("start"))
        submitter.kill()
        submitter.communicate()
        status = ended(engine, handle)
        assert engine.poll(handle) == status
        if (folder / "process.json").exists():
            assert alive_of(folder) == []
        else:
            assert status.state == "lost"
        if status.state == "exited":
            assert status.exit_code == 0 or (victim == "command" and status.signal == signal.SIGKILL), status
        else:
            assert victim != "command" or status.started_at is None
        ends[victim, status.state, status.signal] = ends.get((victim, status.state, status.signal), 0) + 1
    print(ends)
