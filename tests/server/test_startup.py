"""What the extension costs a server that does not use it, and what it never imports."""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import Server, start_server

HEAVY = ("tensorflow", "keras", "distributed", "dask", "optuna", "pandas", "onnxruntime", "sqlalchemy", "sklearn",
         "numpy", "torch", "xgboost", "pyarrow", "mlflow")  # fmt: skip
#: What even a started server lacks until somebody uses the platform.
LATE = ("pydantic", "jupyterlab_dsp.contract.operations", "jupyterlab_dsp.platform")


@pytest.fixture(scope="module")
def probed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    process, server = start_server(
        tmp_path_factory.mktemp("probed"),
        "--DspApp.warm_up_after_s=3600",
        extensions="jupyterlab_dsp_server=True,dsp_probe=True",
    )
    yield server
    process.terminate()
    process.wait(20)


def _modules(server: Server) -> set[str]:
    with server.client() as client:
        return set(client.get(f"{server.url}{server.base_url}/probe").raise_for_status().json())


def test_start_and_listing_import_nothing_heavy(probed: Server) -> None:
    modules = _modules(probed)
    assert "jupyterlab_dsp_server.application" in modules
    assert not modules & {*HEAVY, *LATE}
    assert not (probed.home / "records.sqlite").exists(), "something was opened before anybody asked"
    with probed.client() as client:
        for path in ("system/info", "train/runs", "model/models", "model/specs", "openapi.json"):
            assert client.get(f"{probed.api}/{path}").status_code == 200
    assert not _modules(probed) & set(HEAVY)


def test_import_takes_at_most_a_tenth_of_a_second() -> None:
    """Of the package, beside what the Jupyter server has imported anyway."""
    code = (
        "import jupyter_server.serverapp, jupyter_server.extension.application, time; began = time.perf_counter();"
        "import jupyterlab_dsp_server; jupyterlab_dsp_server._jupyter_server_extension_points();"
        "print(time.perf_counter() - began)"
    )
    took = [float(subprocess.check_output([sys.executable, "-c", code], cwd="/")) for _ in range(3)]
    assert min(took) <= 0.1, took


@pytest.mark.slow
def test_load_costs_the_server_next_to_nothing(tmp_path: Path) -> None:
    """The server's own figures: loading this extension against loading an empty one, in the same process."""
    (tmp_path / "dsp_empty.py").write_text(
        "def _jupyter_server_extension_points(): return [{'module': 'dsp_empty'}]\n"
        "def _load_jupyter_server_extension(app): pass\n"
    )
    code = """
import sys, time
from jupyter_server.serverapp import ServerApp
app = ServerApp(log_level=50, open_browser=False, allow_root=True, port=0)
app.initialize(argv=[], find_extensions=False, new_httpserver=False)
from jupyter_server.extension.manager import ExtensionPackage
def load(name):
    began = time.perf_counter()
    app.extension_manager.add_extension(name, enabled=True)
    app.extension_manager.link_extension(name)
    app.extension_manager.load_extension(name)
    return time.perf_counter() - began
load("jupyter_server_terminals")
print(load("dsp_empty"), load("jupyterlab_dsp_server"))
"""
    differences = []
    for _ in range(3):
        output = subprocess.check_output(
            [sys.executable, "-c", code],
            env={"PYTHONPATH": str(tmp_path), "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
            cwd=tmp_path,
        )
        empty, ours = map(float, output.split())
        differences.append(ours - empty)
    assert statistics.median(differences) < 0.1, differences


def test_home_of_the_configuration_reaches_kernels(tmp_path: Path) -> None:
    home = tmp_path / "elsewhere"
    process, server = start_server(tmp_path / "server", f"--DspApp.home={home}")
    try:
        with server.client() as client:
            assert client.get(f"{server.api}/system/info").json()["home"] == str(home)
    finally:
        process.terminate()
        process.wait(20)
