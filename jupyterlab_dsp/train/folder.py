"""What lies in the folder of a run, and how it is written so that a killed writer leaves nothing half done."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from pathlib import Path
from typing import Any

JOB = "job.json"  # what to do; written by whoever submits
LIVE = "live.json"  # how far it is; replaced by the job twice a second at most
RESULT = "result.json"  # how it ended, written once by the job; missing where the job was killed
EVENTS = "events.jsonl"  # metrics and marks over time, appended by the job
OUTPUT = "output.log"  # what the job printed; written by the engine
MODULE = "model.py"  # the cells as one plain module, for people
DEFINITIONS = "definitions.py"  # what a spawned child process of the cells needs of them; written by the job

#: exit code of a job that could not write RESULT (EX_IOERR): not one that user code leaves with by chance
NO_RESULT = 74


def write_json(path: Path, value: Any, *, sync: bool = True) -> None:
    """Replace ``path`` in one step. With ``sync`` the content survives a crash of the machine."""
    write_text(path, json.dumps(value, default=str), sync=sync)


def write_text(path: Path, text: str, *, sync: bool = True) -> None:
    """Replace ``path`` in one step. What UTF-8 cannot hold (half a surrogate pair) becomes a question mark."""
    # one process and thread writes one name at a time; tempfile would cost 10 ms of imports before the first cell
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace", newline="") as file:
            file.write(text)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in ``path``, or None where there is none (yet)."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return value if isinstance(value, dict) else None
