"""Pieces of a run's output, cut so that no character is split, and at line ends where there are any."""

from __future__ import annotations

import codecs
import os
import time
from pathlib import Path

from ..contract.train import LogChunk, ReadLog

#: an unfinished line is given out once nothing was added to it for this long: "Loading ..." is worth reading
UNFINISHED_S = 1.0


def read_output(path: Path, request: ReadLog, *, is_final: bool) -> LogChunk:
    """Bytes from ``request.after`` (or the tail) as text; undecodable bytes become U+FFFD.

    A progress bar ends its states with a carriage return: that counts as a line end here.
    """
    try:
        with path.open("rb") as file:
            facts = os.fstat(file.fileno())
            size = facts.st_size
            start = max(size - request.limit, 0) if request.tail else min(request.after, size)
            file.seek(start)
            data = file.read(request.limit)
    except FileNotFoundError:
        return LogChunk(text="", start=0, next=0, size=0, is_final=is_final)
    size = max(size, start + len(data))  # it may have grown in between
    if request.tail and start > 0:
        cut = data.find(b"\n") + 1  # begin with a whole line
        start, data = start + cut, data[cut:]
    reaches_end = start + len(data) >= size
    if not (reaches_end and is_final):
        whole = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
        is_waiting = reaches_end and time.time() - facts.st_mtime < UNFINISHED_S
        # what is left after the last line end waits for its own; a line longer than the limit is given in pieces
        data = data[:whole] if is_waiting or (whole and not reaches_end) else _whole_characters(data)
    return LogChunk(
        text=data.decode("utf-8", errors="replace"),
        start=start,
        next=start + len(data),
        size=size,
        is_final=is_final and start + len(data) >= size,
    )


def _whole_characters(data: bytes) -> bytes:
    """Without the beginning of a character whose rest is not here."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    decoder.decode(data)
    pending = len(decoder.getstate()[0])
    return data[: len(data) - pending] if pending < len(data) else data
