"""kill -9 of jobs, their supervisors, kernels and a real Jupyter server, while they train, store and export.

``DSP_FAULT_SEED=7 pytest -m faults tests/faults`` chooses the moments again; the seed is in every failure.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest

from jupyterlab_dsp import supervisor
from jupyterlab_dsp.contract.train import RunRow
from jupyterlab_dsp.platform import Platform
from jupyterlab_dsp.settings import Settings
from tests.faults.kernel import request
from tests.server.conftest import Server, start_server

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.timeout(900)]

SEED = int(os.environ.get("DSP_FAULT_SEED", "20261122"))
#: how often each of them is killed; a server takes seconds to start again
KILLS = {"job": 45, "supervisor": 30, "kernel": 28, "server": 8}
KERNEL = Path(__file__).parent / "kernel.py"


class Scene:
    """Two kernels and a server with a client, all on one home, and what was done to them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rng = random.Random(SEED)
        self.acknowledged = folder / "acknowledged"
        self.server_process: Any
        self.server: Server
        self.server_process, self.server = start_server(folder)
        self.home = self.server.home
        self.kernels = [self.start_kernel(), self.start_kernel()]
        self.struck: set[str] = set()
        self.kills: Counter[str] = Counter()
        self.is_over = False
        self.client = threading.Thread(target=self.ask_server)
        self.client.start()

    def start_kernel(self) -> subprocess.Popen[bytes]:
        env = {**os.environ, "DSP_HOME": str(self.home), "PYTHONPATH": os.getcwd()}
        return subprocess.Popen(
            [sys.executable, str(KERNEL), str(self.acknowledged), str(self.rng.randrange(10**9))],
            env=env,
            stderr=(self.folder / "kernels.log").open("ab"),
        )

    def ask_server(self) -> None:
        """What the front end asks for: a run, an export, the list. A killed server answers nothing."""
        rng = random.Random(SEED + 1)
        acknowledged = os.open(self.acknowledged, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        while not self.is_over:
            server = self.server
            try:
                with server.client() as client:
                    run = client.post(f"{server.api}/train/runs", json={**request(rng, "m"), "model": "model"})
                    run.raise_for_status()
                    os.write(acknowledged, f"run {run.json()['id']}\n".encode())
                    spec = client.post(f"{server.api}/model/specs", json=without_target(request(rng, "spec")))
                    spec.raise_for_status()
                    os.write(acknowledged, f"spec {spec.json()['version']} {spec.json()['digest']}\n".encode())
                    client.get(f"{server.api}/train/runs").raise_for_status()
            except httpx.TransportError:
                pass  # that is what we came for
            time.sleep(0.5)

    def strike(self, role: str) -> bool:
        """Kill one of them; False where there is none just now."""
        if role == "kernel":
            place = self.rng.randrange(len(self.kernels))
            victim = self.kernels[place]
            assert victim.poll() is None, (self.folder / "kernels.log").read_text()
            victim.kill()
            victim.wait()
            self.kernels[place] = self.start_kernel()
            return True
        if role == "server":
            assert self.server_process.poll() is None, self.server.log.read_text()
            self.server_process.kill()
            self.server_process.wait()
            self.server_process, self.server = start_server(self.folder)
            return True
        file, number, start = {
            "job": ("process-child.json", "pid", "start"),
            "supervisor": ("process-claim.json", "supervisor_pid", "supervisor_start"),
        }[role]
        going = [
            folder
            for folder in self.home.joinpath("runs").glob("*")
            if (folder / file).exists() and not (folder / "exit.json").exists()
        ]
        if not going:
            return False
        folder = self.rng.choice(sorted(going))
        facts = json.loads((folder / file).read_text())
        if supervisor.start_of(facts[number]) != facts[start]:
            return False  # it has ended by itself in this moment
        try:
            os.kill(facts[number], signal.SIGKILL)
        except ProcessLookupError:
            return False
        self.struck.add(folder.name)
        return True

    def end(self) -> None:
        self.is_over = True
        self.client.join(60)
        for process in (*self.kernels, self.server_process):
            process.kill()
            process.wait()

    def acknowledgements(self, what: str) -> list[list[str]]:
        lines = self.acknowledged.read_text().splitlines()
        return [line.split()[1:] for line in lines if line.split()[0] == what]


def without_target(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name != "target"}


def test_kill_9_of_anything_at_any_moment_loses_nothing(tmp_path: Path) -> None:
    print(f"seed: DSP_FAULT_SEED={SEED}")
    scene = Scene(tmp_path)
    try:
        plan = [role for role, count in KILLS.items() for _ in range(count)]
        scene.rng.shuffle(plan)
        for role in plan:
            # jobs live for about a second: moments from before their first cell to after their last
            time.sleep(scene.rng.uniform(0.02, 0.6))
            deadline = time.monotonic() + 60
            while not scene.strike(role):
                assert time.monotonic() < deadline, f"no {role} to kill: {(tmp_path / 'kernels.log').read_text()}"
                time.sleep(scene.rng.uniform(0.0, 0.1))
            scene.kills[role] += 1
    finally:
        scene.end()
    assert sum(scene.kills.values()) >= 100
    assert (tmp_path / "kernels.log").read_text() == ""
    platform = Platform(Settings(home=scene.home, user="fault"))
    try:
        runs = wait_for_all(platform)
        check_runs(platform, scene, runs)
        check_versions(platform, scene, runs)
        check_specs(platform, scene)
        check_nothing_runs(scene)
        check_work_goes_on(platform)
        print(dict(scene.kills), Counter(run.state for run in runs))
    except AssertionError as error:
        raise AssertionError(f"DSP_FAULT_SEED={SEED}: {error}") from error
    finally:
        platform.close()


def wait_for_all(platform: Platform) -> list[RunRow]:
    deadline = time.monotonic() + 120
    while platform.train.settle_active():
        assert time.monotonic() < deadline, platform.train.settle_active()
        time.sleep(0.2)
    runs: list[RunRow] = []
    cursor = None
    while True:
        page = platform.call("train.list", {"limit": 1000, "cursor": cursor})
        runs += page.items
        cursor = page.next_cursor
        if cursor is None:
            return runs


def check_runs(platform: Platform, scene: Scene, runs: list[RunRow]) -> None:
    """Each has ended, and says truly why."""
    known = {run.id: run for run in runs}
    for [run_id] in scene.acknowledgements("run"):
        assert run_id in known, f"the acknowledged run {run_id} is gone"
    assert {folder.name for folder in scene.home.joinpath("runs").iterdir()} <= set(known)
    acknowledged = {run_id for [run_id] in scene.acknowledgements("run")}
    for run in runs:
        assert run.is_final
        assert run.ended_at
        kind = run.problem.kind if run.problem else None
        if run.state == "succeeded":
            assert kind is None
        elif run.state == "failed":
            # two proofs at once: the later one must not export what it did not compare with
            assert (run.purpose, kind) == ("proof", "store"), (run, log_of(platform, run))
            assert "is at version" in (run.problem.message if run.problem else "")
        elif run.id in scene.struck:
            assert (run.state, kind) in {("killed", "signal"), ("lost", "lost")}, (run, log_of(platform, run))
        else:
            # its submitter was killed before it could start it
            assert (run.state, run.started_at) == ("lost", None), run
            assert run.id not in acknowledged, run
        detail = platform.call("train.show", {"run_id": run.id})
        if run.state == "killed":
            assert detail.signal == signal.SIGKILL
        platform.call("train.curves", {"run_id": run.id})


def check_versions(platform: Platform, scene: Scene, runs: list[RunRow]) -> None:
    """Consecutive, whole, one for each run that stored one, and each known to its run."""
    rows = platform.call("model.versions", {"model": "m", "limit": 1000}).items
    assert [row.version for row in rows] == list(range(len(rows), 0, -1))
    by_run = {row.run_id: row.version for row in rows}
    assert len(by_run) == len(rows), "a run stored two versions"
    for version, run_id in scene.acknowledgements("version"):
        assert by_run[run_id] == int(version)
    told = {run.id: run.stored.version for run in runs if run.stored}
    assert told == by_run
    for run in runs:
        assert (run.stored is not None) == (run.purpose == "train") or run.state != "succeeded"
    report = platform.call("model.fsck", {})
    assert report.is_clean, report.problems
    for row in (rows[0], rows[-1]):
        model = platform.model.load_object(f"m@{row.version}", allow_unsafe=True)
        assert isinstance(model, dict)
        assert model["weights"] == bytes([model["number"] % 7]) * 300_000


def check_specs(platform: Platform, scene: Scene) -> None:
    for name in ("spec", "proven"):
        rows = platform.call("model.specs", {"name": name, "limit": 1000}).items
        assert [row.version for row in rows] == list(range(len(rows), 0, -1))
        digests = {row.version: row.digest for row in rows}
        if name == "spec":
            for version, digest in scene.acknowledgements("spec"):
                assert digests[int(version)] == digest
        for row in rows:
            assert platform.call("model.spec", {"name": name, "version": row.version}).commit == row.commit
    if shutil.which("git"):
        command = ["git", "-C", str(platform.paths.specs), "fsck", "--strict"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        problems = [line for line in done.stderr.splitlines() + done.stdout.splitlines() if "dangling" not in line]
        assert (done.returncode, [line for line in problems if "Checking" not in line]) == (0, [])


def check_nothing_runs(scene: Scene) -> None:
    mark = f"DSP_HOME={scene.home}".encode()
    deadline = time.monotonic() + 10
    while left := [pid for pid in os.listdir("/proc") if pid.isdigit() and mark in environment_of(pid)]:
        assert time.monotonic() < deadline, left
        time.sleep(0.1)


def environment_of(pid: str) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []


def check_work_goes_on(platform: Platform) -> None:
    rng = random.Random(0)
    before = len(platform.call("model.versions", {"model": "m", "limit": 1000}).items)
    run = platform.call("train.submit", {**request(rng, "m"), "model": "model"})
    deadline = time.monotonic() + 60
    while not (run := platform.call("train.show", {"run_id": run.id})).is_final:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert run.stored is not None, run.problem
    assert run.stored.version == before + 1
    newest = platform.call("model.specs", {"name": "spec", "limit": 1}).items[0].version
    assert platform.call("model.export", without_target(request(rng, "spec"))).version == newest + 1


def log_of(platform: Platform, run: RunRow) -> str:
    text: str = platform.call("train.log", {"run_id": run.id}).text
    return text
