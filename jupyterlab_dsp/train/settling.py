"""How a run ended, from what its process left behind. Pure: facts in, the record's new fields out."""

from __future__ import annotations

import signal as signals
from typing import Any

from .folder import NO_RESULT
from .plugin import JobStatus

#: fields of ``live.json`` and ``result.json`` that the run record takes over
TAKEN = (
    "metrics", "progress", "data", "artifacts", "warnings", "framework", "compile", "summary", "signature",
    "environment", "environment_digest", "hardware",
)  # fmt: skip


def settle(
    run: dict[str, Any], status: JobStatus, live: dict[str, Any], result: dict[str, Any] | None
) -> dict[str, Any]:
    """The record of a run whose process is gone.

    What the job says of itself (``result``) and how its process ended (``status``) decide together: a run is
    "succeeded" only if the job reached its end.
    """
    known = result if result is not None else live
    fields = {name: known[name] for name in TAKEN if known.get(name) is not None}
    state, problem = _end(run, status, result)
    warnings = list(fields.get("warnings", []))
    if state == "succeeded" and (status.signal or status.exit_code):
        warnings.append(f"The process ended badly after its work was done ({_how(status)}).")
    fields.update(
        warnings=warnings,
        state=state,
        is_final=True,
        stopping=False,
        problem=problem,
        stored=(result or {}).get("stored"),
        exported=(result or {}).get("exported"),
        started_at=status.started_at or run.get("started_at"),
        ended_at=status.ended_at,
        peak_memory_bytes=status.peak_memory_bytes,
        cpu_time_s=status.cpu_time_s,
        exit_code=status.exit_code,
        signal=status.signal,
    )
    if progress := fields.get("progress"):
        fields["progress"] = {**progress, "left_s": None, "phase": ""}
    return {**run, **fields}


def _end(run: dict[str, Any], status: JobStatus, result: dict[str, Any] | None) -> tuple[str, dict[str, Any] | None]:
    if result is not None:
        return ("failed", result["problem"]) if result.get("problem") else ("succeeded", None)
    if status.ended_by in ("memory_limit", "out_of_memory"):
        return "killed", _memory(run, status)
    if status.ended_by == "stop" or (run.get("stopping") and status.state == "lost" and status.started_at is None):
        return "stopped", {"kind": "stop", "message": "Stopped on request.", "hint": None}
    if status.state == "lost":
        return "lost", {
            "kind": "lost",
            "message": "The process is gone and left no word of how it ended.",
            "hint": "The machine may have restarted, or its supervisor was killed. Retry the run.",
        }
    if status.signal:
        return "killed", {
            "kind": "signal",
            "message": f"The process was ended by {_how(status)}, and nobody asked for it here.",
            "hint": "A crash of native code or another program on this machine; the log may say more. Retry the run.",
        }
    if status.exit_code == NO_RESULT:
        return "failed", {
            "kind": "store",
            "message": "The run came to its end, but its result could not be written.",
            "hint": "The disk is full, most likely; the log says more. Free some space and retry the run.",
        }
    return "failed", {
        "kind": "exit",
        "message": f"The process left with exit code {status.exit_code} before the cells were done.",
        "hint": "Something called os._exit, or the interpreter could not start; the log may say more.",
    }


def _memory(run: dict[str, Any], status: JobStatus) -> dict[str, Any]:
    limit = run.get("memory_limit_bytes")
    peak = status.peak_memory_bytes
    if status.ended_by == "memory_limit" and limit:
        message = f"Killed at {_gb(peak or limit)} of {_gb(limit)} GB."
        hint = f"Ask for more (--memory {_suggest(limit)}GB) or lower batch_size."
    else:
        message = f"Killed for memory: the machine had none left{f' (the run held {_gb(peak)} GB)' if peak else ''}."
        hint = "Close other kernels, lower batch_size, or run on a machine with more memory."
    return {"kind": status.ended_by, "message": message, "hint": hint}


def _gb(size_bytes: int) -> str:
    size = size_bytes / 1e9
    return f"{size:.1f}" if size >= 0.95 else f"{size:.2f}"


def _suggest(limit_bytes: int) -> str:
    double = limit_bytes * 2 / 1e9
    return f"{double:.0f}" if double >= 1 else f"{double:.1f}"


def _how(status: JobStatus) -> str:
    if status.signal:
        try:
            return f"signal {status.signal} ({signals.Signals(status.signal).name})"
        except ValueError:
            return f"signal {status.signal}"
    return f"exit code {status.exit_code}"
