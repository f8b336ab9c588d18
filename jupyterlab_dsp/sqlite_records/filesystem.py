"""Which kind of disk a file lies on: SQLite's write-ahead log needs memory shared by all its processes."""

from __future__ import annotations

import re
from pathlib import Path

#: mounts that several machines may share, or that do not share memory maps between processes
_NETWORK = re.compile(
    r"(nfs|cifs|smb|ceph|gluster|lustre|afs|gpfs|beegfs|pvfs|orangefs|ocfs|gfs2|9p|drvfs|vboxsf|prl_fs|ncp|davfs|"
    r"fuse\.|wekafs|virtiofs)",
    re.IGNORECASE,
)
_MOUNTS = Path("/proc/self/mountinfo")


def is_network(path: Path, mounts: str | None = None) -> bool:
    """True where ``path`` lies on a network mount. False where that cannot be found out (no /proc).

    mounts: text of mountinfo, for tests.
    """
    if str(path).startswith("\\\\"):
        return True
    if mounts is None:
        try:
            mounts = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
        except OSError:
            return False
    return bool(_NETWORK.match(_filesystem_type(path, mounts)))


def _filesystem_type(path: Path, mounts: str) -> str:
    place = path.resolve()
    best, found = -1, ""
    for line in mounts.splitlines():
        left, _, right = line.partition(" - ")
        columns = left.split(" ")
        if len(columns) < 5 or not right:
            continue
        # blanks and the like are written as octal escapes
        point = re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), columns[4])
        # a later mount on the same place covers the earlier one
        if place.is_relative_to(point) and len(point) >= best:
            best, found = len(point), right.split(" ")[0]
    return found
