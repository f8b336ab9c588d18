"""What every engine must do. Subclass it in your tests and give it the fixture ``engine``::

    class TestMyEngine(EngineSuite):
        @pytest.fixture
        def engine(self, tmp_path): return MyEngine(MyEngine.Config(...), paths=Paths(tmp_path))

``opening`` is Python that builds ``engine`` in another process. The jobs run this Python.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
import pytest

from ..errors import DspError
from ..train.plugin import Engine, JobSpec, JobStatus

MB = 2**20

Start = Callable[..., dict[str, Any]]


class EngineSuite:
    """The conformance tests."""

    @pytest.fixture
    def opening(self) -> str:
        """Python that leaves the engine in the name ``engine``, run in another process."""
        raise NotImplementedError

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """Where the job lies."""
        folder = tmp_path / "job"
        folder.mkdir()
        return folder

    @pytest.fixture
    def start(self, engine: Engine, folder: Path) -> Start:
        """Start Python code as the job."""

        def start(code: str, **fields: Any) -> dict[str, Any]:
            argv = [sys.executable, "-c", textwrap.dedent(code)]
            return engine.start(JobSpec(folder=folder, argv=argv, **fields))

        return start

    # -- ends ----------------------------------------------------------------------------------------------

    def test_is_an_engine(self, engine: Engine) -> None:
        assert isinstance(engine, Engine)
        assert engine.name
        assert engine.label

    @pytest.mark.parametrize("code", [0, 1, 77, 255])
    def test_exit_codes_are_kept(self, engine: Engine, start: Start, code: int) -> None:
        status = ended(engine, start(f"raise SystemExit({code})"))
        assert (status.state, status.exit_code, status.signal, status.ended_by) == (
            "exited",
            code,
            None,
            None,
        )

    @pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM, signal.SIGABRT])
    def test_signals_are_kept(self, engine: Engine, start: Start, number: int) -> None:
        status = ended(engine, start(f"import os; os.kill(os.getpid(), {int(number)})"))
        assert (status.state, status.exit_code, status.signal, status.ended_by) == (
            "exited",
            None,
            number,
            None,
        )

    def test_the_handle_is_json_and_the_end_is_final(self, engine: Engine, start: Start) -> None:
        handle = start("pass")
        assert json.loads(json.dumps(handle)) == handle
        assert ended(engine, handle) == engine.poll(handle) == engine.poll({"folder": handle["folder"]})

    def test_times_are_utc_and_in_order(self, engine: Engine, start: Start) -> None:
        before = time.time()
        status = ended(engine, start("import time; time.sleep(0.3)"))
        assert status.started_at is not None
        assert status.ended_at is not None
        assert status.started_at.endswith("Z")
        began, end = (datetime.fromisoformat(t).timestamp() for t in (status.started_at, status.ended_at))
        assert before - 0.1 <= began <= end - 0.3 <= time.time()

    def test_running_is_told_while_it_runs(self, engine: Engine, start: Start) -> None:
        handle = start("import time; time.sleep(60)")
        status = until(engine, handle, "running")
        assert status.started_at is not None
        assert (status.exit_code, status.ended_at) == (None, None)
        engine.stop(handle, grace_s=0)
        ended(engine, handle)

    # -- what the job sees ---------------------------------------------------------------------------------

    def test_the_job_gets_its_folder_and_environment(self, engine: Engine, start: Start, folder: Path) -> None:
        code = """
            import os, sys
            open("seen", "w").write("|".join([os.environ["GREETING"], os.getcwd(), sys.stdin.read() + "."]))
        """
        assert ended(engine, start(code, env={"GREETING": "hé\nllo"})).exit_code == 0
        assert (folder / "seen").read_text() == f"hé\nllo|{folder.resolve()}|."

    def test_output_is_kept_byte_by_byte(self, engine: Engine, start: Start, folder: Path) -> None:
        code = r"""
            import os, sys
            print("größe 🙂", flush=True)
            os.write(1, bytes(range(256)))
            print("to stderr", file=sys.stderr, end="")
        """
        ended(engine, start(code, env={"PYTHONIOENCODING": "utf-8"}))
        expected = "größe 🙂\n".encode() + bytes(range(256)) + b"to stderr"
        assert (folder / "output.log").read_bytes() == expected

    def test_output_can_be_read_while_it_runs(self, engine: Engine, start: Start, folder: Path) -> None:
        handle = start("import time; print('now', flush=True); time.sleep(60)")
        wait(lambda: (folder / "output.log").exists() and (folder / "output.log").read_bytes() == b"now\n")
        engine.stop(handle, grace_s=0)
        ended(engine, handle)

    def test_much_output_neither_blocks_nor_gets_lost(self, engine: Engine, start: Start, folder: Path) -> None:
        code = f"""
            import sys
            for n in range(50): sys.stdout.write(f"{{n:07d}}\\n" * ({MB} // 8))
        """
        env = {"DSP_KEEP_LOG_BYTES": str(100 * MB)}
        assert ended(engine, start(code, env=env), 60).exit_code == 0
        log = (folder / "output.log").read_bytes()
        assert len(log) == 50 * MB
        assert log == b"".join(b"%07d\n" % n * (MB // 8) for n in range(50))

    def test_the_middle_of_a_long_output_is_cut(self, engine: Engine, start: Start, folder: Path) -> None:
        code = "for n in range(1_000_000): print(n)"
        assert ended(engine, start(code, env={"DSP_KEEP_LOG_BYTES": "100000"}), 60).exit_code == 0
        log = (folder / "output.log").read_text()
        whole = sum(len(str(n)) + 1 for n in range(1_000_000))
        lines = log.splitlines()
        cuts = [line for line in lines if "cut here" in line]
        assert len(log) <= 101_000
        assert len(cuts) == 1
        assert lines[:100] == [str(n) for n in range(100)]
        assert lines[-100:] == [str(n) for n in range(999_900, 1_000_000)]
        assert int(cuts[0].split()[1]) == whole - (len(log) - len(cuts[0]) - 1)
        kept = [int(line) for line in lines if line not in cuts]
        assert kept == sorted(kept)

    # -- costs ---------------------------------------------------------------------------------------------

    def test_peak_memory_and_cpu_time_are_kept(self, engine: Engine, start: Start) -> None:
        code = f"""
            import time
            block = bytearray({150 * MB})
            block[::4096] = b"x" * len(block[::4096])
            end = time.process_time() + 0.5
            while time.process_time() < end: pass
        """
        status = ended(engine, start(code))
        assert status.peak_memory_bytes is not None
        assert status.cpu_time_s is not None
        assert 150 * MB <= status.peak_memory_bytes < 250 * MB
        assert 0.5 <= status.cpu_time_s < 3

    def test_children_count_too(self, engine: Engine, start: Start) -> None:
        code = f"""
            import subprocess, sys
            child = "x = bytearray({80 * MB}); x[::4096] = b'x' * len(x[::4096]); import time; time.sleep(1.5)"
            for child in [subprocess.Popen([sys.executable, "-c", child]) for _ in range(2)]: child.wait()
        """
        peak = ended(engine, start(code)).peak_memory_bytes
        assert peak is not None
        assert 160 * MB <= peak < 300 * MB

    def test_the_memory_limit_holds_for_all_of_it(self, engine: Engine, start: Start, folder: Path) -> None:
        code = f"""
            import subprocess, sys, time
            child = "x = bytearray({90 * MB}); x[::4096] = b'x' * len(x[::4096]); import time; time.sleep(60)"
            children = [subprocess.Popen([sys.executable, "-c", child]) for _ in range(2)]
            print(*[child.pid for child in children], flush=True)
            time.sleep(60)
        """
        status = ended(engine, start(code, memory_limit_bytes=150 * MB))
        assert (status.state, status.ended_by) == ("exited", "memory_limit")
        assert status.peak_memory_bytes is not None
        assert status.peak_memory_bytes > 150 * MB
        assert_gone(int(pid) for pid in (folder / "output.log").read_text().split())

    def test_pages_that_processes_share_count_once(self, engine: Engine, start: Start) -> None:
        code = f"""
            import os, time
            x = bytearray({100 * MB}); x[::4096] = b'x' * len(x[::4096])
            for _ in range(3):
                if not os.fork(): time.sleep(2); os._exit(0)
            time.sleep(2)
        """
        status = ended(engine, start(code, memory_limit_bytes=250 * MB))
        assert (status.exit_code, status.ended_by) == (0, None)

    def test_start_returns_soon(self, engine: Engine, start: Start) -> None:
        began = time.monotonic()
        handle = start("import time; time.sleep(60)")
        assert time.monotonic() - began < 2  # on a loaded machine; the bench holds it to 60 ms
        engine.stop(handle, grace_s=0)
        ended(engine, handle)

    # -- stop ----------------------------------------------------------------------------------------------

    def test_stop_lets_the_job_clean_up(self, engine: Engine, start: Start, folder: Path) -> None:
        code = """
            import signal, sys, time
            def leave(*_): open("cleaned", "w").close(); sys.exit(5)
            signal.signal(signal.SIGTERM, leave)
            print("ready", flush=True)
            time.sleep(60)
        """
        handle = start(code)
        wait(lambda: printed(folder) == "ready\n")
        engine.stop(handle)
        status = ended(engine, handle)
        assert (status.exit_code, status.ended_by) == (5, "stop")
        assert (folder / "cleaned").exists()

    def test_stop_ends_who_does_not_listen(self, engine: Engine, start: Start, folder: Path) -> None:
        code = """
            import signal, subprocess, sys, time
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])  # ignores it as well
            print(child.pid, flush=True)
            time.sleep(60)
        """
        handle = start(code)
        wait(lambda: printed(folder).endswith("\n"))
        began = time.monotonic()
        engine.stop(handle, grace_s=0.5)
        assert time.monotonic() - began < 0.3
        status = ended(engine, handle)
        assert (status.signal, status.ended_by) == (signal.SIGKILL, "stop")
        assert 0.5 <= time.monotonic() - began < 5
        assert_gone([int(printed(folder))])

    def test_stop_finds_processes_with_sessions_of_their_own(self, engine: Engine, start: Start, folder: Path) -> None:
        handle = start(DAEMONS)
        wait(lambda: printed(folder).count("\n") == 3)
        pids = [int(pid) for pid in printed(folder).split()]
        engine.stop(handle, grace_s=0.3)
        assert ended(engine, handle).ended_by == "stop"
        assert_gone(pids)

    def test_what_outlives_the_command_is_ended(self, engine: Engine, start: Start, folder: Path) -> None:
        handle = start(DAEMONS.replace("time.sleep(60) # main", "pass"))
        assert ended(engine, handle).exit_code == 0
        pids = [int(pid) for pid in printed(folder).split()]
        assert len(pids) == 3
        assert_gone(pids)

    def test_stop_twice_and_after_the_end_is_harmless(self, engine: Engine, start: Start) -> None:
        handle = start("import time; time.sleep(60)")
        engine.stop(handle, grace_s=30)
        engine.stop(handle, grace_s=0)
        status = ended(engine, handle)
        assert status.ended_by == "stop"
        engine.stop(handle)
        assert engine.poll(handle) == status

    def test_a_stop_after_the_end_does_not_change_it(self, engine: Engine, start: Start) -> None:
        handle = start("raise SystemExit(3)")
        status = ended(engine, handle)
        engine.stop(handle)
        assert engine.poll(handle) == status
        assert status.ended_by is None

    # -- other processes -----------------------------------------------------------------------------------

    def test_any_process_can_follow_and_stop(self, engine: Engine, start: Start, opening: str) -> None:
        handle = start("import time; time.sleep(60)")
        until(engine, handle, "running")
        code = f"{opening}\nhandle = {handle!r}\nprint(engine.poll(handle).state)\nengine.stop(handle, grace_s=1)"
        assert python(code) == "running\n"
        assert ended(engine, handle).ended_by == "stop"

    def test_it_outlives_who_started_it(self, engine: Engine, folder: Path, opening: str) -> None:
        job = "import time; time.sleep(1); print('done')"
        code = f"""{opening}
import os, signal, sys
from pathlib import Path
from jupyterlab_dsp.train.plugin import JobSpec
engine.start(JobSpec(folder=Path({str(folder)!r}), argv=[sys.executable, "-c", {job!r}]))
os.killpg(0, signal.SIGKILL)
"""
        subprocess.run([sys.executable, "-c", code], start_new_session=True, check=False)
        assert ended(engine, {"folder": str(folder)}).exit_code == 0
        assert printed(folder) == "done\n"

    # -- bad input -----------------------------------------------------------------------------------------

    @pytest.mark.parametrize("argv", [[], ["/no/such/program"], ["no-such-program-anywhere"], ["/etc/passwd"]])
    def test_what_cannot_run_is_refused(self, engine: Engine, folder: Path, argv: list[str]) -> None:
        with pytest.raises(DspError):
            engine.start(JobSpec(folder=folder, argv=argv))

    def test_a_folder_without_a_job_is_lost(self, engine: Engine, tmp_path: Path) -> None:
        for folder in (tmp_path, tmp_path / "nothing"):
            status = engine.poll({"folder": str(folder)})
            assert (status.state, status.started_at) == ("lost", None)

    def test_a_folder_takes_one_job(self, engine: Engine, start: Start) -> None:
        handle = start("pass")
        with pytest.raises(DspError):
            start("pass")
        assert ended(engine, handle).exit_code == 0


#: three processes that leave group, session and parent, and ignore SIGTERM and SIGHUP
DAEMONS = """
    import os, signal, time
    for number in (signal.SIGTERM, signal.SIGHUP): signal.signal(number, signal.SIG_IGN)
    for n in range(3):
        if not os.fork():
            os.setsid()
            if not os.fork():
                os.write(1, b"%d\\n" % os.getpid())
                time.sleep(60)
            os._exit(0)
        os.wait()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    while os.stat("output.log").st_size < 9: time.sleep(0.01)
    time.sleep(0.3)
    time.sleep(60) # main
"""


def until(engine: Engine, handle: dict[str, Any], state: str, timeout_s: float = 30) -> JobStatus:
    """Wait for a state."""
    deadline = time.monotonic() + timeout_s
    while (status := engine.poll(handle)).state != state:
        assert time.monotonic() < deadline, f"still {status}"
        time.sleep(0.02)
    return status


def ended(engine: Engine, handle: dict[str, Any], timeout_s: float = 30) -> JobStatus:
    """Wait for the end."""
    deadline = time.monotonic() + timeout_s
    while (status := engine.poll(handle)).state in ("starting", "running"):
        assert time.monotonic() < deadline, f"still {status}"
        time.sleep(0.02)
    return status


def wait(condition: Callable[[], bool], timeout_s: float = 30) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def printed(folder: Path) -> str:
    """What the job has printed so far."""
    try:
        return (folder / "output.log").read_text()
    except FileNotFoundError:
        return ""


def assert_gone(pids: Any) -> None:
    """None of these processes, which belong to a job of the test, runs any more."""
    deadline = time.monotonic() + 10  # a killed process is still there while the kernel takes it apart
    while True:
        left = [pid for pid in pids if _runs(pid)]
        if not left or time.monotonic() > deadline:
            break
        time.sleep(0.02)
    assert left == []


def _runs(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def python(code: str) -> str:
    """Run code in a fresh interpreter; returns what it printed."""
    env = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=True)
    return done.stdout
