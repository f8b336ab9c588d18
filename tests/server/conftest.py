"""Fixtures of the server tests: the extension inside this process (``dsp_app``), and a real server (``server``)."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from pytest_jupyter.jupyter_core import jp_asyncio_loop
from pytest_jupyter.jupyter_server import jp_server_cleanup
from traitlets.config import Config

__all__ = ["jp_asyncio_loop", "jp_server_cleanup"]  # the root conftest switches them off for other folders


@pytest.fixture
def dsp_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "dsp-home"
    monkeypatch.setenv("DSP_HOME", str(home))
    monkeypatch.delenv("DSP_SETTINGS", raising=False)
    return home


@pytest.fixture
def jp_server_config(dsp_home: Path) -> Config:
    return Config({"ServerApp": {"jpserver_extensions": {"jupyterlab_dsp_server": True}}})


@pytest.fixture
def dsp_app(jp_serverapp: Any) -> Any:
    """The extension in this process, with a real Platform on a temporary home."""
    return jp_serverapp.extension_manager.extension_points["jupyterlab_dsp_server"].app


@pytest.fixture
def replace(dsp_app: Any) -> Callable[..., None]:
    """Puts a fake in place of a service: ``replace(train=Fake())``."""

    def put(**services: Any) -> None:
        dsp_app.platform.__dict__.update(services)

    return put


@dataclass
class Server:
    """A real Jupyter server with the extension, below a prefix as JupyterHub gives it."""

    url: str
    base_url: str
    token: str
    home: Path
    log: Path
    environment: dict[str, str]

    @property
    def api(self) -> str:
        return f"{self.url}{self.base_url}/dsp/api/v1"

    def client(self, token: str | None = None, **options: Any) -> httpx.Client:
        headers = {"Authorization": f"token {self.token if token is None else token}"}
        # verify=False: no certificates are read, which would take longer than most tests
        return httpx.Client(headers=headers, timeout=30, trust_env=False, verify=False, **options)


def start_server(folder: Path, *arguments: str, extensions: str = "jupyterlab_dsp_server=True") -> Any:
    """(process, Server), as soon as it answers."""
    folder.mkdir(parents=True, exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex(8)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("DSP_", "JUPYTER"))},
        "HOME": str(folder),
        "DSP_HOME": str(folder / "dsp"),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent / "probes"), os.environ.get("PYTHONPATH", "")]),
    }
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root", f"--port={port}",
             "--ServerApp.port_retries=0", "--ServerApp.base_url=/user/ann%40b/", f"--IdentityProvider.token={token}",
             *(f"--ServerApp.jpserver_extensions={name}" for name in extensions.split(",")), *arguments],
            stdout=output, stderr=subprocess.STDOUT, env=environment, cwd=folder,
        )  # fmt: skip
    server = Server(f"http://127.0.0.1:{port}", "/user/ann%40b", token, folder / "dsp", log, environment)
    deadline = time.monotonic() + 60
    while True:
        try:
            httpx.get(f"{server.url}{server.base_url}/api", timeout=5, trust_env=False).raise_for_status()
            return process, server
        except httpx.HTTPError:
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                raise RuntimeError(log.read_text()) from None
            time.sleep(0.1)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One real server for all tests that only ask it things."""
    process, server = start_server(tmp_path_factory.mktemp("server"))
    yield server
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
