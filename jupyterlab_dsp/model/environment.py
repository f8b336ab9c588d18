"""The environment of this process: Python, the packages in use, the full lock, the machine.

Nothing is imported and, but for ``hardware`` asking the NVIDIA driver, no process is started: the metadata folders
beside the packages are read, once for each state of ``sys.path``.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from .changes import Change, change, diff_values


@dataclass(frozen=True, slots=True)
class _Installed:
    name: str
    version: str
    folder: str


def capture_environment(modules: Iterable[str] | None = None) -> dict[str, Any]:
    """What this process runs on, without any absolute path.

    modules: top-level modules whose packages are meant; None: all that are loaded now.
    Returns python, implementation, platform, machine, packages {name: version} of these modules, sources
    {name: editable or git} of packages that no index has, lock ["name==version", ...] of everything installed.
    """
    by_module, installed = _scan(_path_state())
    wanted = {name.split(".")[0] for name in (list(sys.modules) if modules is None else modules)}
    needed = {name for module in wanted for name in by_module.get(module, ())}
    sources = {name: source for name in sorted(installed) if (source := _source(installed[name].folder))}
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "platform": sysconfig.get_platform(),
        "machine": platform.machine(),
        "packages": {name: installed[name].version for name in sorted(needed)},
        "sources": sources,
        "lock": [f"{name}=={installed[name].version}" for name in sorted(installed)],
    }


def requirements_text(environment: Mapping[str, Any], *, full: bool = False) -> str:
    """A requirements file of the needed packages, or of the full lock. What pip cannot get is a comment."""
    lines = [f"# Python {environment.get('python', '')} on {environment.get('platform', '')}"]
    pairs = dict(environment.get("packages", {}))
    if full:
        pairs = dict(line.split("==", 1) for line in environment.get("lock", ()))
    for name, version in sorted(pairs.items()):
        source = environment.get("sources", {}).get(name, {})
        if source.get("kind") == "vcs":
            lines.append(f"{name} @ {source['vcs']}+{source['url']}@{source['commit']}")
        elif source:
            lines.append(f"# {name}=={version} is installed from a folder, not from an index")
        else:
            lines.append(f"{name}=={version}")
    return "\n".join(lines) + "\n"


def diff_environments(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """Python and platform first, then the needed packages."""
    found = []
    for key, label in (("python", "Python"), ("implementation", "implementation"), ("platform", "platform")):
        before, after = old.get(key), new.get(key)
        if before and after and before != after:
            found.append(change(label, before, after))
    if old.get("packages") is None or new.get("packages") is None:
        return found
    return found + diff_values(_versions(old["packages"]), _versions(new["packages"]))


def _versions(packages: Any) -> dict[str, str]:
    if isinstance(packages, Mapping):
        return {str(name): str(version) for name, version in packages.items()}
    return {line.split("==", 1)[0]: line.split("==", 1)[-1] for line in packages}


def hardware() -> dict[str, Any]:
    """cpu_count (usable by this process), cpu_model, memory_bytes, gpus [{name, memory_bytes}]; loads no framework."""
    try:
        cpu_count = len(os.sched_getaffinity(0))
    except (AttributeError, OSError):
        cpu_count = os.cpu_count() or 1
    return {
        "cpu_count": cpu_count,
        "cpu_model": _cpu_model(),
        "memory_bytes": _memory_bytes(),
        "gpus": [dict(gpu) for gpu in _gpus()],
    }


@lru_cache(maxsize=1)
def _cpu_model() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor()
    found = re.search(r"^(?:model name|Model)\s*:\s*(.+)$", text, re.M)
    return found.group(1).strip() if found else platform.processor()


def _memory_bytes() -> int | None:
    """Memory of the machine, or the limit of the container where that is lower."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        import psutil

        total = int(psutil.virtual_memory().total)
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            text = Path(limit).read_text().strip()
        except OSError:
            continue
        if text.isdigit():
            total = min(total, int(text))
    return total


@lru_cache(maxsize=1)
def _gpus() -> tuple[tuple[tuple[str, Any], ...], ...]:
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ()
    command = [tool, "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ()
    rows = [line.rsplit(",", 1) for line in answer.splitlines() if "," in line]
    return tuple(
        (("name", name.strip()), ("memory_bytes", int(size) * 2**20 if size.strip().isdigit() else None))
        for name, size in rows
    )


def _path_state() -> tuple[tuple[str, int], ...]:
    """The folders that are searched, with the time of their last change: an install is seen, a call is cheap."""
    state = []
    for entry in dict.fromkeys(sys.path):
        try:
            state.append((entry or ".", os.stat(entry or ".").st_mtime_ns))
        except OSError:
            continue
    return tuple(state)


@lru_cache(maxsize=4)
def _scan(state: tuple[tuple[str, int], ...]) -> tuple[dict[str, set[str]], dict[str, _Installed]]:
    """Which packages own which top-level module, and everything installed. The first on the path wins, as in Python."""
    by_module: dict[str, set[str]] = {}
    installed: dict[str, _Installed] = {}
    for entry, _ in state:
        try:
            names = sorted(name for name in os.listdir(entry) if name.endswith(".dist-info"))
        except OSError:
            continue
        for folder in names:
            raw, _, version = folder.removesuffix(".dist-info").partition("-")
            name = re.sub(r"[-_.]+", "-", raw).lower()
            if not version or name in installed:
                continue
            path = os.path.join(entry, folder)
            installed[name] = _Installed(name, version, path)
            for module in _top_level(path):
                by_module.setdefault(module, set()).add(name)
    return by_module, installed


def _top_level(folder: str) -> set[str]:
    try:
        text = Path(folder, "top_level.txt").read_text("utf-8", errors="replace")
        found = {line.strip().split("/")[0] for line in text.splitlines() if line.strip()}
    except OSError:
        found = set()
    if found:
        return found
    try:
        record = Path(folder, "RECORD").read_text("utf-8", errors="replace")
    except OSError:
        return set()
    for line in record.splitlines():
        top, slash, _ = line.partition("/")
        if slash and top.isidentifier():
            found.add(top)
        elif not slash:
            module = line.split(",", 1)[0].split(".", 1)
            if len(module) == 2 and module[1].endswith(("py", "so", "pyd")) and module[0].isidentifier():
                found.add(module[0])
        # an editable install lists a finder named after the package
        editable = re.match(r"_?_?editable_*?_*([A-Za-z]\w*?)(?:_finder)?\.(?:py|pth)", line)
        if editable:
            found.add(editable.group(1))
    return found - {"__pycache__", "bin"}


@lru_cache(maxsize=4096)
def _source(folder: str) -> dict[str, str]:
    """Where a package that no index has came from: direct_url.json, less paths and passwords."""
    try:
        facts = json.loads(Path(folder, "direct_url.json").read_text("utf-8"))
        url = urlsplit(str(facts.get("url", "")))
        if "vcs_info" in facts:
            address = urlunsplit((url.scheme, url.netloc.rpartition("@")[2], url.path, "", ""))
            info = facts["vcs_info"]
            return {
                "kind": "vcs",
                "vcs": str(info["vcs"]),
                "url": address,
                "commit": str(info.get("commit_id", "")),
            }
        if "dir_info" in facts:
            return {"kind": "editable" if facts["dir_info"].get("editable") else "local"}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    return {}
