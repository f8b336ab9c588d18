"""Starts one command, follows it to its end and writes down how it ended. Run by path: ``python -I -S supervisor.py``.

It imports nothing but the standard library, and nothing of this package, so that it starts in milliseconds and
costs little memory. Who asked for it may die at once: it has no terminal, no parent and no open pipe to anybody.
The files that it shares with ``processes.py`` are described there.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import select
import signal
import sys
import time

TYPE_CHECKING = False  # typing itself is not imported: it costs as much as all the rest
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, NoReturn

SAMPLE_S = 0.2  # between two looks at memory and at the request to stop
TREE_S = 1.0  # between two searches for new processes of the job
LEFTOVER_S = 2.0  # time that processes get which outlive the command
DRAIN_BYTES = 2**20
#: in the environment of every process of a job: how leftovers are told from strangers
MARKER = "DSP_PROCESS"
LINUX = sys.platform == "linux"


def main() -> None:
    """argv: supervisor.py FOLDER. Says on stdout who it is once the start is claimed, then lets go of it."""
    folder = sys.argv[1]
    # before anybody knows of us: what a terminal sends when it closes or is interrupted is not for us
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    with contextlib.suppress(OSError):
        os.setsid()
    # the caller waits for this first process only; the second is nobody's child and leaves no zombie
    if os.fork():
        os._exit(0)
    with open(os.path.join(folder, "process.json"), encoding="utf-8") as file:
        record = json.load(file)
    me = {"supervisor_pid": os.getpid(), "supervisor_start": start_of(os.getpid()), "boot": boot_id()}
    if not claim(folder, "process-claim.json", me):
        os._exit(0)  # somebody declared this start lost before it happened
    with contextlib.suppress(OSError):  # whoever asked may be dead by now; the job was recorded, so it runs
        os.write(1, json.dumps(me).encode() + b"\n")
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    supervisor = Supervisor(folder, record)
    try:
        supervisor.run()
    except BaseException:  # noqa: BLE001  a fault of ours must not leave a job that nobody follows
        import traceback

        with open(os.path.join(folder, "supervisor.log"), "w", encoding="utf-8") as file:
            traceback.print_exc(file=file)
        supervisor.signal_all(signal.SIGKILL)
        os._exit(1)


class Supervisor:
    """One command from its start to ``exit.json``."""

    def __init__(self, folder: str, record: dict[str, Any]) -> None:
        self.folder = folder
        self.record = record
        self.pid = 0
        self.status: int | None = None  # as wait() gives it, once the command has ended
        self.ended_by: str | None = None
        self.asked = False  # whether a signal of ours was the reason
        self.term_received = False
        self.kill_at: float | None = None
        self.peak = 0
        self.cpu = 0.0
        self.pids: list[int] = []
        self.tree_at = 0.0
        self.pss_at = 0.0
        self.started_at = now()
        self.log = Log(os.path.join(folder, "output.log"), record.get("keep_bytes"))
        self.oom: OomCounter | None = None

    def run(self) -> None:
        signal.signal(signal.SIGTERM, self.on_term)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        wake_r, wake_w = os.pipe()
        for descriptor in (wake_r, wake_w):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(wake_w, warn_on_full_buffer=False)
        if LINUX:
            prctl(36, 1)  # PR_SET_CHILD_SUBREAPER: what the job leaves behind becomes our child, not init's
        reserve(self.folder)
        if exists(self.folder, "stop.json"):
            self.ended_by = "stop"
            self.finish()
        try:
            self.pid, output = self.spawn()
        except OSError as error:
            self.log.write(f"The process could not be started: {error.strerror}\n".encode())
            self.status = 127 << 8
            self.finish()
        self.oom = OomCounter(self.pid)
        self.follow(output, wake_r)
        self.end_leftovers(output, wake_r)
        drain(output, self.log)
        self.finish()

    # -- start ---------------------------------------------------------------------------------------------

    def spawn(self) -> tuple[int, int]:
        """Fork and exec the command in a session of its own; returns (pid, read end of its output)."""
        out_r, out_w = os.pipe()
        go_r, go_w = os.pipe()
        error_r, error_w = os.pipe()
        me = os.getpid()
        pid = os.fork()
        if not pid:
            try:
                os.close(go_w)
                os.close(error_r)
                self.become(me, go_r, out_w)
            except OSError as error:
                os.write(error_w, f"{error.errno} {error.strerror}: {error.filename}".encode())
            finally:
                os._exit(127)
        for descriptor in (go_r, out_w, error_w):
            os.close(descriptor)
        # recorded before the command begins: were we killed now, others still know whom to look for
        child = {"pid": pid, "start": start_of(pid), "started_at": self.started_at}
        try:
            write_json(self.folder, "process-child.json", child)
            os.write(go_w, b"g")
        except OSError:
            os.close(go_w)
            os.waitpid(pid, 0)
            raise
        os.close(go_w)
        problem = os.read(error_r, 1000)
        os.close(error_r)
        if problem:
            os.waitpid(pid, 0)
            number, _, text = problem.decode(errors="replace").partition(" ")
            raise OSError(int(number), text)
        os.set_blocking(out_r, False)
        with contextlib.suppress(OSError, AttributeError):
            fcntl.fcntl(out_r, fcntl.F_SETPIPE_SZ, 2**20)
        return pid, out_r

    def become(self, supervisor: int, go_r: int, out_w: int) -> None:
        """The child's half: turn into the command."""
        os.setsid()
        if LINUX:
            prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: not without a supervisor
            with contextlib.suppress(OSError):
                raise_oom_score()
        if os.read(go_r, 1) != b"g" or (LINUX and os.getppid() != supervisor):
            os._exit(127)
        signal.set_wakeup_fd(-1)
        for number in (
            signal.SIGHUP,
            signal.SIGINT,
            signal.SIGPIPE,
            signal.SIGTERM,
            signal.SIGCHLD,
            signal.SIGXFSZ,
        ):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.dup2(out_w, 1)
        os.dup2(out_w, 2)
        os.chdir(self.folder)
        os.execvp(self.record["argv"][0], self.record["argv"])

    # -- follow --------------------------------------------------------------------------------------------

    def follow(self, output: int, wake_r: int) -> None:
        """Until the command itself has ended."""
        poller = select.poll()
        poller.register(output, select.POLLIN)
        poller.register(wake_r, select.POLLIN)
        next_look = 0.0
        while self.status is None:
            wait = max(next_look - time.monotonic(), 0.0)
            self.pump(poller, output, wake_r, wait)
            self.reap()
            if time.monotonic() >= next_look:
                self.look()
                next_look = time.monotonic() + SAMPLE_S

    def pump(self, poller: select.poll, output: int, wake_r: int, wait: float) -> None:
        for descriptor, _ in poller.poll(wait * 1000):
            if descriptor == wake_r:
                with contextlib.suppress(BlockingIOError):
                    os.read(wake_r, 4096)
            elif not drain(output, self.log, once=True):
                poller.unregister(output)

    def look(self) -> None:
        """Memory, the request to stop, and whether the time to obey it is over."""
        moment = time.monotonic()
        if moment - self.tree_at >= TREE_S:
            self.pids, self.tree_at = descendants(os.getpid(), self.pid), moment
        self.measure()
        if self.oom:
            self.oom.sample()
        if self.term_received and not self.asked:
            self.terminate(5.0)
        if self.ended_by is None and (request := read_json(self.folder, "stop.json")) is not None:
            self.ended_by = "stop"
            self.terminate(float(request.get("grace_s", 5.0)))
        if self.kill_at is not None and moment >= self.kill_at:
            self.signal_all(signal.SIGKILL)

    def measure(self) -> None:
        used = sum(resident(pid) for pid in self.pids)
        limit = self.record.get("memory_limit_bytes")
        over = limit is not None and used > limit
        if len(self.pids) > 1 and (used > self.peak or over):
            # pages that processes share count once; asking costs a walk over their page tables, so not always
            moment = time.monotonic()
            if moment < self.pss_at:
                return
            used = proportional(self.pids) or used
            over = limit is not None and used > limit
            self.pss_at = time.monotonic() + 20 * (time.monotonic() - moment)
        self.peak = max(self.peak, used)
        if over and self.ended_by is None:
            self.ended_by = "memory_limit"
            self.terminate(0.0)

    def reap(self) -> None:
        """Collect every child that has ended; ours and those that the job left to us."""
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                if self.status is None:
                    self.status = 127 << 8  # cannot happen: nobody else waits for our children
                return
            if pid == 0:
                return
            self.cpu += usage.ru_utime + usage.ru_stime
            if pid == self.pid:
                self.status = status
                # the kernel's own high-water mark sees what falls between two looks
                self.peak = max(self.peak, usage.ru_maxrss * (1024 if LINUX else 1))

    # -- end -----------------------------------------------------------------------------------------------

    def on_term(self, *_: object) -> None:
        """Somebody, mostly a machine that shuts down, ends us: the job ends first."""
        self.term_received = True

    def terminate(self, grace_s: float) -> None:
        self.asked = True
        if grace_s > 0:
            self.signal_all(signal.SIGTERM)
            self.kill_at = time.monotonic() + grace_s
        else:
            self.signal_all(signal.SIGKILL)
            self.kill_at = time.monotonic()

    def signal_all(self, number: int) -> None:
        """To every process that descends from us, whatever group or session it made for itself."""
        group = self.pid if self.pid and self.status is None else None
        if group:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, number)
        for pid in descendants(os.getpid(), self.pid):
            if group is None or group_of(pid) != group:
                kill_safely(pid, number)

    def end_leftovers(self, output: int, wake_r: int) -> None:
        """The command has ended; what it started and left behind ends now."""
        poller = select.poll()
        poller.register(output, select.POLLIN)
        poller.register(wake_r, select.POLLIN)
        deadline = time.monotonic() + LEFTOVER_S
        if self.kill_at is not None:
            deadline = min(deadline, self.kill_at)
        self.reap()
        told: set[int] = set()
        while left := self.leftovers():
            over = time.monotonic() >= deadline
            for pid in left:
                if over or pid not in told:
                    kill_safely(pid, signal.SIGKILL if over else signal.SIGTERM)
                    told.add(pid)
            self.pump(poller, output, wake_r, 0.02)
            self.reap()

    def leftovers(self) -> list[int]:
        if LINUX:
            return descendants(os.getpid(), None)
        try:
            os.killpg(self.pid, 0)
        except OSError:
            return []
        return [-self.pid]

    def finish(self) -> NoReturn:
        """Write ``exit.json``; keeps trying for a while where the disk does not take it."""
        self.log.close()
        status = self.status
        number = os.WTERMSIG(status) if status is not None and os.WIFSIGNALED(status) else None
        ended_by = self.ended_by
        if ended_by is None and number == signal.SIGKILL and not self.asked and self.oom and self.oom.grew():
            ended_by = "out_of_memory"
        facts = {
            "exit_code": os.WEXITSTATUS(status) if status is not None and os.WIFEXITED(status) else None,
            "signal": number,
            "ended_by": ended_by,
            "peak_memory_bytes": self.peak or None,
            "cpu_time_s": round(self.cpu, 3),
            "started_at": self.started_at,
            "ended_at": now(),
        }
        for _ in range(60):
            try:
                publish(self.folder, facts)
                break
            except OSError as error:
                if error.errno == errno.ENOENT and not os.path.isdir(self.folder):
                    break  # the folder was removed: nobody is left to tell
                time.sleep(1)
        os._exit(0)


class Log:
    """The output file. Past ``keep`` bytes the middle is cut: the first half stays, and the newest of the rest."""

    def __init__(self, path: str, keep: int | None) -> None:
        self.keep = max(int(keep), 4096) if keep else None
        self.size = 0
        self.cut = 0
        self.head = 0
        self.marker = 0
        self.file: int | None = None
        try:
            self.file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        except OSError:
            pass  # without a log, but not without a job

    def write(self, data: bytes) -> None:
        if self.file is None:
            return
        try:
            while data:
                count = os.pwrite(self.file, data, self.size)
                self.size += count
                data = data[count:]
            if self.keep and self.size > self.keep:
                self.shorten(self.file, self.keep)
        except OSError:
            pass  # a full disk: what cannot be written is lost, but the job must not wait for it

    def shorten(self, file: int, keep: int) -> None:
        head, tail = keep // 2, keep // 4
        kept = os.pread(file, tail, self.size - tail)
        newline = kept.find(b"\n") + 1
        kept = kept[newline:] if 0 < newline < len(kept) else kept
        if not self.cut:
            first = os.pread(file, head, 0)
            self.head = first.rfind(b"\n") + 1 or head
        self.cut += self.size - len(kept) - self.head - self.marker
        line = f"[... {self.cut} bytes of output were cut here ...]\n".encode()
        self.marker = len(line)
        data = line + kept
        os.pwrite(file, data, self.head)
        self.size = self.head + len(data)
        os.ftruncate(file, self.size)

    def close(self) -> None:
        if self.file is not None:
            os.close(self.file)


class OomCounter:
    """How often the kernel has killed for memory around the job; tells its SIGKILL from anybody else's."""

    def __init__(self, pid: int) -> None:
        self.path = next((path for path in self.candidates(pid) if self.read(path) is not None), None)
        self.count = self.read(self.path) if self.path else None

    @staticmethod
    def candidates(pid: int) -> Iterator[str]:
        with contextlib.suppress(OSError), open(f"/proc/{pid}/cgroup", encoding="utf-8") as file:
            for line in file:
                _, controllers, path = line.rstrip("\n").split(":", 2)
                if controllers == "":
                    yield f"/sys/fs/cgroup{path}/memory.events"
                    yield f"/sys/fs/cgroup/unified{path}/memory.events"
                elif "memory" in controllers.split(","):
                    yield f"/sys/fs/cgroup/memory{path}/memory.oom_control"
        # inside a container the path is often that of the host, and the root is our own
        yield "/sys/fs/cgroup/memory.events"
        yield "/sys/fs/cgroup/memory/memory.oom_control"
        yield "/proc/vmstat"

    @staticmethod
    def read(path: str) -> int | None:
        with contextlib.suppress(OSError, ValueError), open(path, encoding="utf-8") as file:
            for line in file:
                if line.startswith("oom_kill "):
                    return int(line.split()[1])
        return None

    def sample(self) -> None:
        if self.path:
            self.count = self.read(self.path)

    def grew(self) -> bool:
        if self.path is None or self.count is None:
            return False
        current = self.read(self.path)
        return current is not None and current > self.count


# -- processes ---------------------------------------------------------------------------------------------


def prctl(option: int, value: int) -> None:
    import ctypes  # slow to import; the caller is not kept waiting for it

    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None, use_errno=True).prctl(option, ctypes.c_ulong(int(value)), 0, 0, 0)


def raise_oom_score() -> None:
    """When memory runs out the kernel should take the job, not the server that the user sits in."""
    with open("/proc/self/oom_score_adj", "r+", encoding="ascii") as file:
        score = min(int(file.read()) + 200, 1000)
        file.seek(0)
        file.write(str(score))


def stat_of(pid: int | str) -> list[bytes] | None:
    """Fields of /proc/PID/stat from the third (state) on, or None where there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            text = file.read(4096)
    except OSError:
        return None
    return text[text.rindex(b")") + 2 :].split()


def start_of(pid: int) -> str:
    """Something that no later process with the same number has: its start in ticks, else the time of asking."""
    fields = stat_of(pid) if LINUX else None
    return f"t{fields[19].decode()}" if fields else f"e{time.time():.0f}"


def boot_id() -> str:
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""


def group_of(pid: int) -> int | None:
    fields = stat_of(pid)
    return int(fields[2]) if fields else None


def descendants(root: int, fallback: int | None) -> list[int]:
    """Living processes that descend from ``root``, without it."""
    if not LINUX:
        return [fallback] if fallback else []
    children: dict[int, list[int]] = {}
    found = child_pids(root)
    if found is not None:
        found = [pid for pid in found if not is_foreign(pid)]
    else:
        # a kernel without the list of children: look at every process there is
        for name in os.listdir("/proc"):
            if name.isdigit() and (fields := stat_of(name)) and fields[0] not in (b"Z", b"X"):
                children.setdefault(int(fields[1]), []).append(int(name))
        found = [pid for pid in children.get(root, ()) if not is_foreign(pid)]
        for pid in found:
            found.extend(children.get(pid, ()))
        return found
    for pid in found:
        found.extend(child_pids(pid) or ())
    return [pid for pid in found if (fields := stat_of(pid)) and fields[0] not in (b"Z", b"X")]


def is_foreign(pid: int) -> bool:
    """Whether it belongs to another supervised process, which a job has started: that one outlives the job."""
    mine = os.environ.get(MARKER, "").encode()
    try:
        with open(f"/proc/{pid}/environ", "rb", buffering=0) as file:
            entries = file.read(2**20).split(b"\0")
    except OSError:
        return False
    mark = MARKER.encode() + b"="
    return any(entry.startswith(mark) and entry != mark + mine for entry in entries)


def child_pids(pid: int) -> list[int] | None:
    """Direct children, over all threads of ``pid``; None where the kernel does not say."""
    found: list[int] = []
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return found
    for thread in threads:
        try:
            with open(f"/proc/{pid}/task/{thread}/children", "rb", buffering=0) as file:
                found.extend(int(child) for child in file.read(2**20).split())
        except FileNotFoundError:
            if os.path.exists(f"/proc/{pid}/task/{thread}/stat"):
                return None
        except OSError:
            continue
    return found


def kill_safely(pid: int, number: int) -> None:
    """Signal ``pid`` only while it is the process that was found, not a later one with its number."""
    with contextlib.suppress(ProcessLookupError, PermissionError, OSError):
        if not hasattr(os, "pidfd_open") or pid < 0:
            os.kill(pid, number)
            return
        before = stat_of(pid)
        descriptor = os.pidfd_open(pid)
        try:
            after = stat_of(pid)
            if before and after and before[19] == after[19]:
                signal.pidfd_send_signal(descriptor, number)
        finally:
            os.close(descriptor)


def resident(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/statm", "rb", buffering=0) as file:
            return int(file.read(200).split()[1]) * PAGE
    except (OSError, IndexError, ValueError):
        return 0


def proportional(pids: list[int]) -> int:
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
                for line in file:
                    if line.startswith(b"Pss:"):
                        total += int(line.split()[1]) * 1024
                        break
        except OSError:
            total += resident(pid)
    return total


PAGE = os.sysconf("SC_PAGE_SIZE")


# -- files -------------------------------------------------------------------------------------------------


def drain(output: int, log: Log, once: bool = False) -> bool:
    """Take what is in the pipe; False once all writers are gone."""
    while True:
        try:
            data = os.read(output, DRAIN_BYTES)
        except BlockingIOError:
            return True
        except OSError:
            return False
        if not data:
            return False
        log.write(data)
        if once:
            return True


def now() -> str:
    moment = time.time()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment)) + f".{int(moment * 1000) % 1000:03d}Z"


def exists(folder: str, name: str) -> bool:
    return os.path.exists(os.path.join(folder, name))


def read_json(folder: str, name: str) -> dict[str, Any] | None:
    try:
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            value = json.load(file)
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def write_json(folder: str, name: str, value: dict[str, Any]) -> None:
    """Replace in one step; survives a crash of the machine."""
    temporary = os.path.join(folder, f".{name}.{os.getpid()}")
    with open(temporary, "w", encoding="utf-8") as file:
        json.dump(value, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, os.path.join(folder, name))


def claim(folder: str, name: str, value: dict[str, Any]) -> bool:
    """Write ``name`` if it is not there; False where somebody was faster. Decides between two in one step."""
    temporary = os.path.join(folder, f".{name}.{os.getpid()}")
    try:
        with open(temporary, "w", encoding="utf-8") as file:
            json.dump(value, file)
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, os.path.join(folder, name))
    except FileExistsError:
        return False
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
    return True


RESERVED = ".exit.json.reserved"


def reserve(folder: str) -> None:
    """Room for ``exit.json``, so that a disk which is full by then can still take the end of the job."""
    with contextlib.suppress(OSError), open(os.path.join(folder, RESERVED), "wb") as file:
        file.write(b" " * 2048)
        file.flush()
        os.fsync(file.fileno())


def publish(folder: str, facts: dict[str, Any]) -> None:
    path = os.path.join(folder, RESERVED)
    with open(path, "r+b" if os.path.exists(path) else "w+b") as file:
        file.write(json.dumps(facts).encode().ljust(2048))
        file.flush()
        os.fsync(file.fileno())
    os.replace(path, os.path.join(folder, "exit.json"))


if __name__ == "__main__":
    main()
