"""Event log of a run: one JSON object a line, appended by the job, followed by anybody.

Each line is written with one ``write`` on a descriptor opened for append, so that a killed writer leaves at
most one broken last line, which readers ignore until it is whole.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class EventLog:
    """Writer. Events: {"t": seconds since the epoch, "type": ..., ...}."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._is_torn = False

    def write(self, type_: str, **fields: Any) -> None:
        """Append one event. Raises OSError where the disk does not take it; the event is lost then."""
        event = {"t": round(time.time(), 3), "type": type_, **fields}
        line = json.dumps(event, separators=(",", ":"), default=str).encode() + b"\n"
        if self._is_torn:  # an earlier line met a full disk half-way: do not grow onto its stump
            line = b"\n" + line
        self._is_torn = True
        written = os.write(self._fd, line)
        if written < len(line):
            raise OSError("The event log took only a part of an event; the disk is full.")
        self._is_torn = False

    def close(self) -> None:
        os.close(self._fd)


def read_events(path: Path, after: int = 0, max_bytes: int = 4 * 2**20) -> tuple[list[dict[str, Any]], int]:
    """(events, offset to go on from). ``after`` is a byte offset returned before, 0 for the start."""
    try:
        with path.open("rb") as file:
            file.seek(after)
            data = file.read(max_bytes)
    except FileNotFoundError:
        return [], after
    end = data.rfind(b"\n") + 1
    if not end and len(data) == max_bytes:
        return read_events(path, after, max_bytes * 4)  # one event larger than the window must not stop the reader
    return list(_parse(data[:end])), after + end


def _parse(data: bytes) -> Iterator[dict[str, Any]]:
    for line in data.splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue  # a line of a killed writer that a later one was appended to
        if isinstance(event, dict):
            yield event
