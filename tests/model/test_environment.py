"""The environment is captured from metadata alone: fast, without paths, importing nothing."""

from __future__ import annotations

import importlib.metadata
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jupyterlab_dsp.model import environment
from jupyterlab_dsp.model.environment import capture_environment, diff_environments, hardware, requirements_text


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_lock_is_what_is_installed() -> None:
    lock = capture_environment([])["lock"]
    theirs = {f"{canonical(each.name)}=={each.version}" for each in importlib.metadata.distributions()}
    assert set(lock) == theirs
    assert lock == sorted(lock, key=lambda line: line.split("==")[0])


def test_packages_are_those_of_the_modules() -> None:
    import pydantic  # noqa: F401

    found = capture_environment(["pydantic.fields", "json", "nowhere", "dateutil"])["packages"]
    assert found["pydantic"] == importlib.metadata.version("pydantic")
    assert set(found) <= {"pydantic", "python-dateutil"}
    loaded = capture_environment()["packages"]
    assert {"pytest", "pydantic", "hypothesis"} <= set(loaded)


def test_module_to_package_agrees_with_the_standard_library() -> None:
    theirs = importlib.metadata.packages_distributions()
    wanted = ["pydantic", "pytest", "fsspec", "psutil", "_pytest", "sklearn", "keras", "yaml", "PIL"]
    for module in wanted:
        if module in theirs:
            expected = {canonical(name) for name in theirs[module]}
            assert set(capture_environment([module])["packages"]) == expected, module


def test_capture_is_fast_starts_nothing_and_imports_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    capture_environment()
    monkeypatch.setattr(subprocess, "Popen", None)
    before = set(sys.modules)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        capture_environment()
        times.append(time.perf_counter() - start)
    assert min(times) < 0.05
    assert set(sys.modules) == before


def test_capture_has_no_absolute_path() -> None:
    text = json.dumps(capture_environment())
    assert sys.prefix not in text
    assert sys.executable not in text


def test_installs_from_folders_and_git_are_marked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, facts in {
        "my_tool-1.0.dist-info": {"url": "file:///home/me/tool", "dir_info": {"editable": True}},
        "forked-2.0.dist-info": {
            "url": "https://user:secret@host.example/a/forked.git?token=x",
            "vcs_info": {"vcs": "git", "commit_id": "abc"},
        },
        "plain-3.0.dist-info": None,
        "broken-4.0.dist-info": "[",
    }.items():
        (tmp_path / name).mkdir()
        module = name.split("-")[0]
        (tmp_path / name / "RECORD").write_text(f"{module}/__init__.py,,\n{name}/RECORD,,\n")
        if facts is not None:
            text = facts if isinstance(facts, str) else json.dumps(facts)
            (tmp_path / name / "direct_url.json").write_text(text)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    found = capture_environment(["my_tool", "forked", "plain", "broken"])
    assert found["packages"] == {"broken": "4.0", "forked": "2.0", "my-tool": "1.0", "plain": "3.0"}
    assert found["sources"] == {
        "my-tool": {"kind": "editable"},
        "forked": {"kind": "vcs", "vcs": "git", "url": "https://host.example/a/forked.git", "commit": "abc"},
    }
    assert "secret" not in json.dumps(found)
    lines = requirements_text(found).splitlines()
    assert "forked @ git+https://host.example/a/forked.git@abc" in lines
    assert "plain==3.0" in lines
    assert "# my-tool==1.0 is installed from a folder, not from an index" in lines
    assert requirements_text(found, full=True).count("\n") == 5


def test_differences_are_in_words() -> None:
    old = {"python": "3.11.7", "packages": {"keras": "3.15.0"}}
    new = {"python": "3.12.1", "packages": {"keras": "3.15.1"}}
    assert [each.text for each in diff_environments(old, new)] == ["Python 3.11.7 → 3.12.1", "keras 3.15.0 → 3.15.1"]
    assert diff_environments(old, {}) == []


def test_hardware_names_the_machine() -> None:
    found = hardware()
    assert found["cpu_count"] >= 1
    assert found["memory_bytes"] > 2**27
    assert isinstance(found["gpus"], list)


def test_graphics_cards_come_from_the_driver_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'NVIDIA A, big, 40960'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    environment._gpus.cache_clear()
    try:
        assert hardware()["gpus"] == [{"name": "NVIDIA A, big", "memory_bytes": 40960 * 2**20}]
    finally:
        environment._gpus.cache_clear()
