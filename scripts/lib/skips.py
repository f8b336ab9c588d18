"""Counts the skipped tests of a run of scripts/test and prints each one's reason.

With DSP_REQUIRE_SERVICES=1 a skip fails unless its reason is an expected one.
--summaries prints the runners' own last lines instead.
"""

from __future__ import annotations

import os
import re
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

#: Reasons that are right everywhere.
EXPECTED = (
    # a test of the suite for formats that promises what only some formats have
    re.compile(r"this format does not promise it"),
    # the store in memory, which has no files to damage and no second process to share with
    re.compile(r"other processes cannot see this store|the bytes cannot be reached"),
)

_PLAYWRIGHT = re.compile(r"^\s+\d+ (passed|failed|flaky|skipped|did not run|interrupted)\b.*$")
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def main() -> int:
    folder = Path(sys.argv[-1])
    if "--summaries" in sys.argv:
        for line in summaries(folder):
            print(line)
        return 0
    skips = [skip for file in sorted(folder.glob("*.xml")) for skip in pytest_skips(file)]
    skips += [("playwright", line) for line in playwright_skips(folder / "playwright.log")]
    unexpected = [skip for skip in skips if not any(pattern.search(skip[1]) for pattern in EXPECTED)]
    for name, reason in skips:
        print(f"skipped: {name}: {reason}")
    print(f"{len(skips)} skipped, {len(unexpected)} of them unexpected")
    return 1 if unexpected and os.environ.get("DSP_REQUIRE_SERVICES") == "1" else 0


def pytest_skips(file: Path) -> list[tuple[str, str]]:
    return [
        (f"{case.get('classname')}.{case.get('name')}", skipped.get("message", ""))
        for case in ET.parse(file).iter("testcase")
        for skipped in case.iter("skipped")
        if skipped.get("type") != "pytest.xfail"
    ]


def playwright_skips(log: Path) -> list[str]:
    return [line.strip() for line in _lines(log) if _PLAYWRIGHT.match(line) and "skipped" in line]


def summaries(folder: Path) -> list[str]:
    found = []
    for name in ("unit", "pytest", "pytest-alone", "playwright"):
        lines = _lines(folder / f"{name}.log")
        if name.startswith("pytest"):
            found += [f"{name}: {line.strip('= ')}" for line in lines[-1:]]
        else:
            found += [
                f"{name}: {line.strip()}" for line in lines if _PLAYWRIGHT.match(line) or line.startswith("Tests:")
            ]
    return found


def _lines(log: Path) -> list[str]:
    if not log.exists():
        return []
    text = _ANSI.sub("", log.read_text(encoding="utf-8", errors="replace"))
    return [line for line in text.splitlines() if line.strip()]


if __name__ == "__main__":
    sys.exit(main())
