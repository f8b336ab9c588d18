"""Peers live in environments of their own below .cache/peers/, made on first use."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .side import OURS, ROOT, free_port, server

PEERS = ROOT / ".cache" / "peers"

#: what each peer's environment holds; no version: the newest release
PACKAGES = {"mlflow": ("mlflow", "tensorflow")}


def peer(name: str) -> Path:
    """The interpreter of the peer's environment; installs it where it is missing."""
    folder = PEERS / name
    python = folder / "bin" / "python"
    stamp = folder / ".complete"
    if not stamp.exists():
        print(f"==> Installing {', '.join(PACKAGES[name])} into .cache/peers/{name} (some minutes)", file=sys.stderr)
        shutil.rmtree(folder, ignore_errors=True)
        uv = str(OURS.parent / "uv")
        quiet = {"check": True, "env": {**os.environ, "UV_COMPILE_BYTECODE": "1"}}
        subprocess.run([uv, "venv", "--quiet", "--python", str(OURS), str(folder)], **quiet)  # type: ignore[call-overload]
        subprocess.run([uv, "pip", "install", "--quiet", "--python", str(python), *PACKAGES[name]], **quiet)  # type: ignore[call-overload]
        stamp.touch()
    return python


@contextlib.contextmanager
def workplace(name: str) -> Iterator[Path]:
    """An empty folder below .cache/bench/, on the disk of the checkout; removed at the end."""
    parent = ROOT / ".cache" / "bench"
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{name}-", dir=parent, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@contextlib.contextmanager
def mlflow_server(file: Path) -> Iterator[int]:
    """``mlflow server`` on loopback over this SQLite file; yields its port."""
    port = free_port()
    argv = [
        str(peer("mlflow")), "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
        "--backend-store-uri", f"sqlite:///{file}", "--artifacts-destination", str(file.parent / "artifacts"),
    ]  # fmt: skip
    with server(argv, port, "/health"):
        yield port


TOKEN = "bench"


@contextlib.contextmanager
def our_server(home: Path, *, extensions: tuple[str, ...] = ("jupyterlab_dsp_server",), **env: str) -> Iterator[int]:
    """A Jupyter server with our half on loopback; yields its port."""
    port = free_port()
    with server(jupyter_argv(port, extensions), port, f"/api/status?token={TOKEN}", DSP_HOME=str(home), **env):
        yield port


def jupyter_argv(port: int, extensions: tuple[str, ...]) -> list[str]:
    """What the environment enables (JupyterLab), these extensions, and ours only if it is among them."""
    enabled = {"jupyterlab_dsp_server": False, **dict.fromkeys(extensions, True)}
    return [
        str(OURS), "-m", "jupyter_server", "--no-browser", "--allow-root", f"--ServerApp.port={port}",
        "--ServerApp.ip=127.0.0.1", f"--IdentityProvider.token={TOKEN}", "--ServerApp.port_retries=0",
        f"--ServerApp.jpserver_extensions={enabled!r}",
    ]  # fmt: skip
