"""Area ``startup``: what we add to the start of a kernel, of a server and of the browser's page."""

from __future__ import annotations

import gzip
import subprocess
from collections.abc import Iterator
from pathlib import Path

from .harness import Bound, Options, Row, alone, paired
from .peers import TOKEN, jupyter_argv, our_server, workplace
from .side import OURS, ROOT, Http, environment, free_port, server

HEAVY = ("tensorflow", "keras", "distributed", "optuna", "pandas", "onnxruntime")
PROBE = "benchmarks.probe"

_KERNEL = """
import time
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
began = time.perf_counter()
import jupyterlab_dsp
shell.run_line_magic("load_ext", "jupyterlab_dsp")
print(time.perf_counter() - began)
"""
_SERVER = """
import time
from jupyter_server.serverapp import ServerApp
began = time.perf_counter()
import jupyterlab_dsp_server
jupyterlab_dsp_server._jupyter_server_extension_points()
print(time.perf_counter() - began)
"""


def imports(options: Options) -> Iterator[Row]:
    """In fresh interpreters, beside what a kernel or a server has imported anyway."""
    for name, code, limit in (
        ("import jupyterlab_dsp and %load_ext", _KERNEL, 0.3),
        ("import of the server half", _SERVER, 0.1),
    ):
        with workplace("startup") as home:
            values = [_fresh(code, home) for _ in range(options.turns(11) + 1)]
        yield alone(name, "s", values[1:] if len(values) > 1 else values, Bound("ours", limit))


def _fresh(code: str, home: Path) -> float:
    done = subprocess.run(
        [str(OURS), "-c", code], env=environment(DSP_HOME=str(home)), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return float(done.stdout.strip().splitlines()[-1])


def server_start(options: Options) -> Iterator[Row]:
    """Until the server answers, with our extension and with an empty one."""
    with workplace("startup") as home:

        def start(extension: str) -> float:
            port = free_port()
            argv = jupyter_argv(port, (extension,))
            with server(argv, port, f"/api/status?token={TOKEN}", DSP_HOME=str(home)) as seconds:
                return seconds

        yield paired(
            "server start", "s", lambda: start("jupyterlab_dsp_server"), lambda: start(PROBE),
            Bound("difference", 0.1), turns=options.turns(7), other_name="with an empty extension",
        )  # fmt: skip


def server_modules(options: Options) -> Iterator[Row]:
    """Heavy packages in the server's process after its start and after listing."""
    with workplace("startup") as home, our_server(home, extensions=("jupyterlab_dsp_server", PROBE)) as port:
        http = Http(port, TOKEN)
        for after in ("start", "listing"):
            if after == "listing":
                http.json("GET", "/dsp/api/v1/train/runs?limit=10")
                http.json("GET", "/dsp/api/v1/model/models?limit=10")
                http.json("GET", "/dsp/api/v1/model/specs?limit=10")
            modules = set(http.json("GET", "/bench/modules")["modules"])
            found = [name for name in HEAVY if name in modules]
            yield alone(
                f"heavy packages imported after {after}", "count", [float(len(found))], Bound("ours", 0),
                note=", ".join(found),
            )  # fmt: skip


def bundle(options: Options) -> Iterator[Row]:
    """What the browser loads for us, compressed as a server would send it."""
    static = ROOT / "jupyterlab_dsp" / "labextension" / "static"
    scripts = sorted(static.glob("*.js"))
    if not scripts:
        raise RuntimeError("the front end is not built: scripts/test or scripts/demo builds it")
    size = sum(len(gzip.compress(script.read_bytes(), 6, mtime=0)) for script in scripts)
    yield alone(
        "front-end bundle, gzip", "KB", [size / 1000], Bound("ours", 200), note=f"{len(scripts)} files of static/*.js"
    )


GROUPS = (imports, server_start, server_modules, bundle)
