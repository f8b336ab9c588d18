"""Processes that outlive whoever starts them: recorded first, then started, found and stopped from any process.

Each has a folder. Who writes what there:

==================== ============================================ =======================================
process.json         what to run; written before anything starts  ``start``
process-claim.json   who took it up: a supervisor, or a reader     supervisor, or ``poll`` ("lost")
                     that declared it lost; the first one wins
process-child.json   the command's process number and start       supervisor
stop.json            the wish that it ends                        ``stop``
exit.json            how it ended; from then on nothing changes   supervisor, or ``poll`` ("lost")
output.log           what it printed                              supervisor
==================== ============================================ =======================================

A process number alone says nothing: it may belong to somebody else by now. It is believed only together with
the start time of the process and the boot of the machine.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from . import supervisor
from .errors import Conflict, InvalidInput, NotFound, Unavailable

#: a start that nobody took up within this time, and whose starter is gone, never happens
START_GRACE_S = 10.0

_RECORD, _CLAIM, _CHILD, _STOP, _EXIT = (
    "process.json", "process-claim.json", "process-child.json", "stop.json", "exit.json",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """What is true of the process now; the meaning of the fields is that of ``train.plugin.JobStatus``."""

    state: Literal["starting", "running", "exited", "lost"]
    exit_code: int | None = None
    signal: int | None = None
    ended_by: str | None = None
    peak_memory_bytes: int | None = None
    cpu_time_s: float | None = None
    started_at: str | None = None
    ended_at: str | None = None


def start(
    folder: Path,
    argv: Sequence[str],
    env: Mapping[str, str] | None = None,
    *,
    memory_limit_bytes: int | None = None,
    keep_log_bytes: int | None = None,
) -> dict[str, Any]:
    """Run ``argv`` in ``folder``; returns its handle, which is JSON. Does not wait for the command.

    env: added to the environment of the caller.  memory_limit_bytes: resident memory of all its processes.
    keep_log_bytes: size of ``output.log`` from which its middle is cut; None keeps all.

    Raises InvalidInput for a command that cannot be found, NotFound for a missing folder, Conflict where the
    folder has a process already, Unavailable where the machine cannot start one.
    """
    folder = folder.absolute()
    marker = secrets.token_hex(12)
    full = {**os.environ, **(env or {}), supervisor.MARKER: marker}
    _check_command(folder, argv, full)
    record = {
        "state": "starting",
        "argv": list(argv),
        "marker": marker,
        "memory_limit_bytes": memory_limit_bytes,
        "keep_bytes": keep_log_bytes,
        "created_at": supervisor.now(),
        "host": socket.gethostname(),
        "boot": supervisor.boot_id(),
        "starter_pid": os.getpid(),
        "starter_start": supervisor.start_of(os.getpid()),
    }
    if not supervisor.claim(str(folder), _RECORD, record):
        raise Conflict("There is a process in this folder already.", folder=str(folder))
    try:
        me = _spawn_supervisor(folder, full)
    except Unavailable:
        _declare_lost(folder)
        raise
    return {
        "kind": "process",
        "folder": str(folder),
        "host": record["host"],
        "supervisor_pid": me["supervisor_pid"],
        "supervisor_start": me["supervisor_start"],
    }


def poll(handle: Mapping[str, Any]) -> ProcessStatus:
    """How it is now. ``handle["folder"]`` is enough. "exited" and "lost" are final, and nothing of it runs then."""
    folder = _folder_of(handle)
    if (ended := _ended(folder)) is not None:
        return ended
    record = supervisor.read_json(str(folder), _RECORD)
    if record is None:
        return ProcessStatus("lost")
    claim = supervisor.read_json(str(folder), _CLAIM)
    if claim is None:
        if _may_still_start(record) or not _declare_lost(folder):
            return ProcessStatus("starting")
        return ProcessStatus("lost")
    if "supervisor_pid" not in claim:
        return ProcessStatus("lost")
    child = supervisor.read_json(str(folder), _CHILD)
    if record["host"] != socket.gethostname() or _is_alive(
        claim["supervisor_pid"], claim["supervisor_start"], claim["boot"]
    ):
        if child is None:
            return ProcessStatus("starting")
        return ProcessStatus("running", started_at=child["started_at"])
    # gone: but it may have written the end between our two looks
    return _ended(folder) or _lost(folder, record, supervisor.read_json(str(folder), _CHILD))


def stop(handle: Mapping[str, Any], *, grace_s: float = 5.0) -> None:
    """Ask for its end: SIGTERM to all its processes, SIGKILL after ``grace_s``. Returns at once.

    The supervisor does it, on whatever machine it is. Does nothing where it has ended. Raises NotFound where
    there never was one.
    """
    folder = _folder_of(handle)
    if supervisor.read_json(str(folder), _RECORD) is None:
        raise NotFound.of("process", str(folder))
    if _ended(folder) is None:
        request = {"requested_at": supervisor.now(), "grace_s": max(grace_s, 0.0)}
        # the first request stands, unless a later one is less patient
        if not supervisor.claim(str(folder), _STOP, request):
            earlier = supervisor.read_json(str(folder), _STOP) or {}
            if request["grace_s"] < earlier.get("grace_s", 0.0):
                supervisor.write_json(str(folder), _STOP, {**request, "requested_at": earlier["requested_at"]})
        poll(handle)  # ends the leftovers itself where the supervisor is gone


# -- start -------------------------------------------------------------------------------------------------


def _check_command(folder: Path, argv: Sequence[str], env: Mapping[str, str]) -> None:
    if not argv or not all(isinstance(part, str) and "\0" not in part for part in argv):
        raise InvalidInput("The command is empty or holds what no command line can.", field="argv")
    if not folder.is_dir():
        raise NotFound.of("folder", str(folder))
    command = argv[0] if os.path.isabs(argv[0]) or os.sep not in argv[0] else str(folder / argv[0])
    if shutil.which(command, path=env.get("PATH")) is None:
        raise InvalidInput(f"There is no command '{argv[0]}' that can be run here.", field="argv")


def _spawn_supervisor(folder: Path, env: Mapping[str, str]) -> dict[str, Any]:
    command = [sys.executable, "-I", "-S", supervisor.__file__, str(folder)]
    try:
        process = subprocess.Popen(
            command,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd="/",
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise Unavailable(f"The process could not be started: {error}.") from error
    assert process.stdout is not None
    with process.stdout as stream:
        line = stream.readline()
        if not line.startswith(b"{"):
            line += stream.read(10_000)
    process.wait()
    try:
        me: dict[str, Any] = json.loads(line)
    except ValueError:
        reason = line.decode(errors="replace").strip().splitlines()
        raise Unavailable(
            f"The process could not be started: {reason[-1] if reason else 'its supervisor ended at once'}."
        ) from None
    return me


def _declare_lost(folder: Path) -> bool:
    """Whether this was faster than a supervisor; then none will ever take it up."""
    try:
        return supervisor.claim(str(folder), _CLAIM, {"lost": True, "declared_at": supervisor.now()})
    except OSError:
        return False


def _may_still_start(record: Mapping[str, Any]) -> bool:
    age = time.time() - _seconds(record["created_at"])
    if 0 <= age < START_GRACE_S or record["host"] != socket.gethostname():
        return True
    return age < 60 and _is_alive(record["starter_pid"], record["starter_start"], record["boot"])


def _seconds(moment: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(moment).timestamp()


# -- look --------------------------------------------------------------------------------------------------


def _folder_of(handle: Mapping[str, Any]) -> Path:
    folder = handle.get("folder")
    if not isinstance(folder, str):
        raise InvalidInput("This is no handle of a process.", field="folder")
    return Path(folder)


def _ended(folder: Path) -> ProcessStatus | None:
    facts = supervisor.read_json(str(folder), _EXIT)
    if facts is None:
        return None
    state: Literal["exited", "lost"] = "lost" if facts.get("lost") else "exited"
    known = {name: facts.get(name) for name in ProcessStatus.__dataclass_fields__ if name != "state"}
    return ProcessStatus(state, **known)


def _lost(folder: Path, record: Mapping[str, Any], child: Mapping[str, Any] | None) -> ProcessStatus:
    """The supervisor was killed: end what it left, then make that the final word."""
    started_at = child["started_at"] if child else None
    if not _end_leftovers(record["marker"], child):
        return ProcessStatus("running", started_at=started_at)  # not true to call it ended
    asked = supervisor.read_json(str(folder), _STOP) is not None
    facts = {
        "lost": True,
        "ended_by": "stop" if asked else None,
        "started_at": started_at,
        "ended_at": supervisor.now(),
    }
    with contextlib.suppress(OSError):
        supervisor.claim(str(folder), _EXIT, facts)
    return _ended(folder) or ProcessStatus("lost", started_at=started_at, ended_at=facts["ended_at"])  # type: ignore[arg-type]


def _is_alive(pid: int, start_mark: str, boot: str) -> bool:
    if boot != supervisor.boot_id():
        return False
    if supervisor.LINUX:
        fields = supervisor.stat_of(pid)
        return fields is not None and fields[0] not in (b"Z", b"X") and f"t{fields[19].decode()}" == start_mark
    import psutil

    try:
        process = psutil.Process(pid)
        # the supervisor noted the time at which it asked, a moment after its start
        is_same = abs(process.create_time() - float(start_mark[1:])) < 5
        return is_same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


# -- leftovers ---------------------------------------------------------------------------------------------


def _end_leftovers(marker: str, child: Mapping[str, Any] | None, patience_s: float = 2.0) -> bool:
    """Kill what a killed supervisor left; True once nothing of it runs."""
    deadline = time.monotonic() + patience_s
    while left := _leftovers(marker, child):
        if time.monotonic() > deadline:
            return False
        for process in left:
            with contextlib.suppress(OSError, LookupError):
                process.kill()  # psutil looks first whether the number still means the same process
        time.sleep(0.01)
    return True


def _leftovers(marker: str, child: Mapping[str, Any] | None) -> list[Any]:
    """Living processes of the job: by the mark in their environment, by session, by descent.

    A session counts only where its leader is the recorded one, or where one of its members has the mark:
    session numbers are reused too.
    """
    import psutil

    mine: dict[int, Any] = {}
    strangers: list[Any] = []
    sessions = set()
    text = f"{supervisor.MARKER}={marker}".encode()
    me = os.getpid()
    for process in psutil.process_iter():
        if process.pid == me:
            continue  # a job may look at itself
        if child and process.pid == child["pid"] and supervisor.start_of(process.pid) == child["start"]:
            found = True
        else:
            found = _has_mark(process, text)
        with contextlib.suppress(psutil.Error, ProcessLookupError, PermissionError):
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            if found:
                mine[process.pid] = process
                sessions.add(os.getsid(process.pid))
            else:
                strangers.append(process)
    if not mine:
        return []
    own_session = os.getsid(0)
    for process in strangers:
        with contextlib.suppress(psutil.Error, ProcessLookupError, PermissionError):
            session = os.getsid(process.pid)
            if session in sessions and session != own_session:
                mine[process.pid] = process
    for process in list(mine.values()):
        with contextlib.suppress(psutil.Error):
            for descendant in process.children(recursive=True):
                mine.setdefault(descendant.pid, descendant)
    mine.pop(me, None)
    return list(mine.values())


def _has_mark(process: Any, text: bytes) -> bool:
    if supervisor.LINUX:
        try:
            with open(f"/proc/{process.pid}/environ", "rb") as file:
                return text in file.read().split(b"\0")
        except OSError:
            return False
    import psutil

    try:
        return bool(process.environ().get(supervisor.MARKER) == text.split(b"=")[1].decode())
    except (psutil.Error, OSError):
        return False
