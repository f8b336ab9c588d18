"""What an engine implements: it starts a prepared job somewhere and can say, from any process, how it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

JobState = Literal["starting", "running", "exited", "lost"]


@dataclass(frozen=True, slots=True)
class JobSpec:
    """A prepared job: argv runs in ``folder``; all it needs lies there."""

    folder: Path
    argv: list[str]
    env: dict[str, str] = field(default_factory=dict)
    #: bytes of resident memory of the whole process tree at which it is ended; None for no limit
    memory_limit_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class JobStatus:
    """What is true of the job now. ``exit_code`` and ``signal`` are set when state is "exited"."""

    state: JobState
    exit_code: int | None = None
    signal: int | None = None
    #: "memory_limit" (we ended it at its limit), "out_of_memory" (the kernel did), "stop" (somebody asked) or None
    ended_by: str | None = None
    peak_memory_bytes: int | None = None
    cpu_time_s: float | None = None
    started_at: str | None = None
    ended_at: str | None = None


@runtime_checkable
class Engine(Protocol):
    """``start`` returns a JSON handle; every other call takes it, from any process, also after restarts."""

    name: str
    label: str

    def start(self, job: JobSpec) -> dict[str, Any]: ...

    def poll(self, handle: dict[str, Any]) -> JobStatus: ...

    def stop(self, handle: dict[str, Any], *, grace_s: float = 5.0) -> None:
        """Ask to end (SIGTERM to the whole group), then end it (SIGKILL) after ``grace_s``. Returns at once."""
        ...
