"""What lies in the folder of a run, and how it is written so that a killed writer leaves nothing half done."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

JOB = "job.json"  # what to do; written by whoever submits
LIVE = "live.json"  # how far it is; replaced by the job twice a second at most
RESULT = "result.json"  # how it ended, written once by the job; missing where the job was killed
EVENTS = "events.jsonl"  # metrics and marks over time, appended by the job
OUTPUT = "output.log"  # what the job printed; written by the engine
MODULE = "model.py"  # the cells as one plain module, for people


def write_json(path: Path, value: Any, *, sync: bool = True) -> None:
    """Replace ``path`` in one step. With ``sync`` the content survives a crash of the machine."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(value, file, default=str)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in ``path``, or None where there is none (yet)."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return value if isinstance(value, dict) else None
