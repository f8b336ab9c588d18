"""Processes that the bench starts, each ended by its own id: workers of either interpreter, and servers."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
OURS = ROOT / ".venv" / "bin" / "python"


def environment(**extra: str) -> dict[str, str]:
    """What every process of the bench gets."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**env, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1", "PYTHONPATH": str(ROOT), **extra}


class Side:
    """One interpreter with its imports warm. ``python``: ours or a peer's. ``folder``: where it runs and may write."""

    def __init__(self, python: Path, folder: Path, **env: str) -> None:
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - lives as long as the process
        self._process = subprocess.Popen(
            [str(python), "-m", "benchmarks.worker"],
            cwd=folder, env=environment(**env), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors,
            text=True,
        )  # fmt: skip

    def _ask(self, call: str, args: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"call": call, "args": args}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            self._errors.seek(0)
            raise RuntimeError(f"{call} ended its process:\n{self._errors.read()[-3000:]}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise RuntimeError(f"{call}:\n{answer['error']}")
        return answer

    def value(self, call: str, **args: Any) -> Any:
        """What ``module:function`` returned."""
        return self._ask(call, args)["value"]

    def timed(self, call: str, **args: Any) -> Callable[[], float]:
        """A measure: seconds of one call."""
        return lambda: float(self._ask(call, args)["seconds"])

    def close(self) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def server(argv: list[str], port: int, path: str, *, timeout_s: float = 120, **env: str) -> Iterator[float]:
    """A server on loopback in a process group of its own; yields the seconds until ``path`` answered 200."""
    with tempfile.TemporaryFile("w+") as log:
        began = time.perf_counter()
        process = subprocess.Popen(
            argv, cwd=tempfile.gettempdir(), env=environment(**env), stdout=log, stderr=log, start_new_session=True
        )
        try:
            while not _answers(port, path):
                if process.poll() is not None or time.perf_counter() - began > timeout_s:
                    log.seek(0)
                    raise RuntimeError(f"{argv[:4]} did not start:\n{log.read()[-3000:]}")
                time.sleep(0.02)
            yield time.perf_counter() - began
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, 15)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, 9)
                process.wait()


def _answers(port: int, path: str) -> bool:
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except OSError:
        return False


class Http:
    """One kept-alive connection."""

    def __init__(self, port: int, token: str = "") -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self._headers = {"Content-Type": "application/json"}
        if token:
            self._headers["Authorization"] = f"token {token}"

    def json(self, method: str, path: str, body: Any = None) -> Any:
        """One request; raises where it is not answered with 2xx."""
        data = None if body is None else json.dumps(body)
        self._connection.request(method, path, data, self._headers)
        response = self._connection.getresponse()
        content = response.read()
        if response.status >= 300:
            raise RuntimeError(f"{method} {path}: {response.status} {content[:500]!r}")
        return json.loads(content)

    def timed(self, method: str, path: str, body: Any = None, *, rows: Callable[[Any], int], want: int) -> float:
        """Seconds of one request, decoding included; its answer must have ``want`` rows."""
        began = time.perf_counter()
        answer = self.json(method, path, body)
        seconds = time.perf_counter() - began
        if rows(answer) != want:
            raise RuntimeError(f"{path} answered {rows(answer)} rows, not {want}")
        return seconds
