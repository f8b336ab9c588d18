"""The built wheel, installed where nothing of this checkout can be seen."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("jupyterlab_dsp", "jupyterlab_dsp_server", "jupyterlab_dsp_kernels", "jupyterlab_dsp_hub")
pytestmark = [pytest.mark.wheel, pytest.mark.slow, pytest.mark.timeout(900)]


def uv() -> str:
    return str(Path(sys.executable).with_name("uv"))


def run(*argv: str, cwd: Path, **env: str) -> str:
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    clean.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(argv, cwd=cwd, env={**clean, **env}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{argv}:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built with the hatchling that is installed here: no network, no isolation."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT), cwd=folder)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty environment with the wheel and its base dependencies only."""
    folder = tmp_path_factory.mktemp("base")
    run(uv(), "venv", "--quiet", "--python", sys.executable, "env", cwd=folder)
    python = folder / "env" / "bin" / "python"
    install(python, str(wheel))
    return python


def install(python: Path, what: str) -> None:
    run(
        uv(), "pip", "install", "--quiet", "--python", str(python),
        "--constraints", str(ROOT / "constraints.txt"), what,
        cwd=python.parent, UV_COMPILE_BYTECODE="1",
    )  # fmt: skip


def test_wheel_holds_the_four_packages_and_the_front_end(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for package in PACKAGES:
        assert f"{package}/__init__.py" in names
        assert f"{package}/py.typed" in names
    shared = [name.split(".data/data/", 1)[1] for name in names if ".data/data/" in name]
    assert "share/jupyter/labextensions/jupyterlab-dsp/package.json" in shared
    assert "share/jupyter/labextensions/jupyterlab-dsp/install.json" in shared
    assert any(name.startswith("share/jupyter/labextensions/jupyterlab-dsp/static/remoteEntry") for name in shared)
    assert "etc/jupyter/jupyter_server_config.d/jupyterlab_dsp_server.json" in shared
    assert "jupyterlab_dsp/contract/openapi.json" in names
    strays = [name for name in names if name.startswith(("tests/", "benchmarks/", "server_extension/", "src/"))]
    assert strays == []
    assert not [name for name in names if "/labextension/" in name and name.startswith("jupyterlab_dsp/")]


def test_base_install_imports_and_starts(python: Path, tmp_path: Path) -> None:
    code = "import jupyterlab_dsp, jupyterlab_dsp_hub, jupyterlab_dsp_kernels, jupyterlab_dsp_server, sys;"
    code += "print(jupyterlab_dsp.__file__, 'tornado' in sys.modules)"
    where, has_tornado = run(str(python), "-c", code, cwd=tmp_path).split()
    assert str(ROOT / "jupyterlab_dsp") not in where
    assert has_tornado == "False"
    dsp = str(python.with_name("dsp"))
    version = json.loads((ROOT / "package.json").read_text())["version"]
    assert version in run(dsp, "--version", cwd=tmp_path, DSP_HOME=str(tmp_path / "home"))
    info = run(dsp, "system", "info", "--json", cwd=tmp_path, DSP_HOME=str(tmp_path / "home"))
    assert json.loads(info)["version"] == version


def test_what_is_not_installed_is_named(python: Path, tmp_path: Path) -> None:
    code = "from jupyterlab_dsp import Platform\n"
    code += "for found in Platform().call('system.info').formats: print(found.model_dump_json())"
    formats = [
        json.loads(line) for line in run(str(python), "-c", code, cwd=tmp_path, DSP_HOME=str(tmp_path)).splitlines()
    ]
    reasons = {found["name"]: found["unavailable_reason"] for found in formats}
    assert "keras" in reasons["keras"]


def test_lab_install_serves_the_extension(wheel: Path, python: Path, tmp_path: Path) -> None:
    install(python, f"jupyterlab-dsp[lab] @ {wheel.as_uri()}")
    env = {"DSP_HOME": str(tmp_path / "home"), "JUPYTER_CONFIG_DIR": str(tmp_path / "config")}
    env |= {"JUPYTER_DATA_DIR": str(tmp_path / "data"), "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime")}
    listed = subprocess.run(
        [str(python), "-m", "jupyter", "labextension", "list"],
        cwd=tmp_path, env={**os.environ, **env, "PATH": f"{python.parent}:{os.environ['PATH']}"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "jupyterlab-dsp" in listed.stdout + listed.stderr
    assert answer_of_a_server(python, tmp_path, env)["version"]


def answer_of_a_server(python: Path, folder: Path, env: dict[str, str]) -> dict[str, str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    argv = [str(python), "-m", "jupyterlab", "--no-browser", "--allow-root", f"--ServerApp.port={port}"]
    log = (folder / "server.log").open("w+")
    server = subprocess.Popen(
        [*argv, "--IdentityProvider.token=t", f"--ServerApp.root_dir={folder}"],
        cwd=folder, env={**os.environ, **env}, stdout=log, stderr=log,
    )  # fmt: skip
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/dsp/api/v1/system/info", headers={"Authorization": "token t"}
    )
    try:
        for _ in range(600):
            assert server.poll() is None, log.seek(0) or log.read()[-3000:]
            try:
                with urllib.request.urlopen(request, timeout=10) as answer:
                    found: dict[str, str] = json.load(answer)
                    return found
            except urllib.error.HTTPError:
                raise
            except OSError:
                time.sleep(0.1)
        raise AssertionError("the server did not answer")
    finally:
        server.terminate()
        server.wait(20)
        log.close()
