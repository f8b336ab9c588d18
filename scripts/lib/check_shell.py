"""Every shell script parses (bash -n), passes shellcheck where that is installed, and can be run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    files = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "scripts", ".ci"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    scripts = [name for name in files if (ROOT / name).is_file() and _is_shell(ROOT / name)]
    problems = 0
    for name in scripts:
        problems += subprocess.run(["bash", "-n", name], cwd=ROOT, check=False).returncode != 0
        if not name.endswith(".sh") and not os.access(ROOT / name, os.X_OK):
            print(f"{name} has no run bit")
            problems += 1
    if shellcheck := shutil.which("shellcheck") or shutil.which("shellcheck", path=str(Path(sys.executable).parent)):
        problems += subprocess.run([shellcheck, "-x", *scripts], cwd=ROOT, check=False).returncode != 0
    print(f"{len(scripts)} shell scripts")
    return 1 if problems else 0


def _is_shell(path: Path) -> bool:
    return path.suffix == ".sh" or path.read_bytes()[:20].startswith(b"#!/usr/bin/env bash")


if __name__ == "__main__":
    sys.exit(main())
