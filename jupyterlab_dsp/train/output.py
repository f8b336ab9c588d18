"""Pieces of a run's output, cut at line ends so that no character is split."""

from __future__ import annotations

from pathlib import Path

from ..contract.train import LogChunk, ReadLog


def read_output(path: Path, request: ReadLog, *, is_final: bool) -> LogChunk:
    """Bytes from ``request.after`` (or the tail) as text; undecodable bytes become U+FFFD."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            start = max(size - request.limit, 0) if request.tail else min(request.after, size)
            file.seek(start)
            data = file.read(request.limit)
    except FileNotFoundError:
        return LogChunk(text="", start=0, next=0, size=0, is_final=is_final)
    if request.tail and start > 0:
        cut = data.find(b"\n") + 1  # begin with a whole line
        start, data = start + cut, data[cut:]
    end = start + len(data)
    if end < size or not is_final:
        whole = data.rfind(b"\n") + 1
        # one line longer than the limit is given in pieces; a last line without its end waits for it
        if whole or (end >= size and len(data) < request.limit):
            data = data[:whole]
    return LogChunk(
        text=data.decode("utf-8", errors="replace"),
        start=start,
        next=start + len(data),
        size=size,
        is_final=is_final and start + len(data) >= size,
    )
