"""Jobs as supervised processes of this machine."""

from __future__ import annotations

import dataclasses
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from .. import processes
from ..paths import Paths
from .plugin import JobSpec, JobStatus


class ProcessEngine:
    """Runs each job in a process of its own, which outlives the server, the kernel and the terminal."""

    name = "process"
    label = "A process on this machine"

    class Config(BaseModel):
        model_config = ConfigDict(extra="forbid")

        keep_log_bytes: int = Field(
            default=32 * 2**20,
            ge=4096,
            description="Bytes of a job's output that are kept, unless its environment says otherwise.",
        )

    @classmethod
    def available(cls) -> str | None:
        """Why it cannot be used here, or None."""
        return None

    def __init__(self, config: Config, *, paths: Paths) -> None:
        self._config = config
        self._paths = paths

    def start(self, job: JobSpec) -> dict[str, Any]:
        """See ``Engine.start``. ``DSP_KEEP_LOG_BYTES`` in the environment of the job is its log's limit."""
        asked = job.env.get("DSP_KEEP_LOG_BYTES", "")
        return processes.start(
            job.folder,
            job.argv,
            job.env,
            memory_limit_bytes=job.memory_limit_bytes,
            keep_log_bytes=int(asked) if asked.isdigit() else self._config.keep_log_bytes,
        )

    def poll(self, handle: dict[str, Any]) -> JobStatus:
        """See ``Engine.poll``."""
        return JobStatus(**dataclasses.asdict(processes.poll(handle)))

    def stop(self, handle: dict[str, Any], *, grace_s: float = 5.0) -> None:
        """See ``Engine.stop``."""
        processes.stop(handle, grace_s=grace_s)
