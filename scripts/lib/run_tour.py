"""Runs examples/tour.ipynb end to end in a home of its own and says what came out. Ends with 1 where a cell fails."""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / ".cache" / "demo"
TOUR = ROOT / "examples" / "tour.ipynb"


def main() -> int:
    folder = DEMO / "headless"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    home = Path(os.environ.get("DSP_HOME") or folder / "home").absolute()
    os.environ["DSP_HOME"] = str(home)
    if not TOUR.exists():
        print(f"error: {TOUR.relative_to(ROOT)} is missing", file=sys.stderr)
        return 1
    began = time.monotonic()
    try:
        run(TOUR, folder)
    finally:
        print(f"executed notebook: {(folder / TOUR.name).relative_to(ROOT)}")
    report(home)
    print(f"The whole tour took {time.monotonic() - began:.1f} s.")
    return 0


def run(notebook_path: Path, folder: Path) -> None:
    """Execute the notebook with ``folder`` as working folder, printing each cell and what it printed."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(notebook_path, as_version=4)

    def show(cell: Any, cell_index: int, **_: Any) -> None:
        lines = cell.source.splitlines()
        more = f"  (+{len(lines) - 1} lines)" if len(lines) > 1 else ""
        print(f"\n[{cell_index}] {lines[0] if lines else ''}{more}")
        for output in cell.outputs:
            if output.get("name") == "stderr":  # TensorFlow greets there; an error ends the tour with its traceback
                continue
            text = output.get("text") or output.get("data", {}).get("text/plain") or ""
            print("".join(f"    {line}\n" for line in str(text).rstrip().splitlines()[-12:]), end="", flush=True)

    client = NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        on_cell_executed=lambda cell, cell_index, execute_reply: show(cell, cell_index),
    )
    try:
        client.execute()
    finally:
        nbformat.write(notebook, folder / notebook_path.name)


def report(home: Path) -> None:
    """What the platform holds now."""
    from jupyterlab_dsp import Platform

    platform = Platform()
    print("\nRuns")
    for row in platform.call("train.list").items:
        metrics = ", ".join(f"{name} {value:.4f}" for name, value in row.metrics.items() if value is not None)
        stored = f"{row.stored.model}@{row.stored.version}" if row.stored else "-"
        print(f"  {row.id}  {row.name}  {row.state}  {row.duration_s or 0:.1f} s  stored {stored}  {metrics}")
    print("Models")
    for model in platform.call("model.list").items:
        for row in platform.call("model.versions", {"model": model.name}).items:
            version = platform.call("model.version", {"model": model.name, "version": row.version})
            aliases = f" ({', '.join(row.aliases)})" if row.aliases else ""
            print(f"  {row.model}@{row.version}{aliases}  {row.size_bytes} bytes, {len(version.files)} files")
    print("Specs")
    for spec in platform.call("model.specs").items:
        print(f"  {spec.name} {spec.version}  commit {spec.commit[:12]}  {spec.message}")
    shown = home.relative_to(ROOT) if home.is_relative_to(ROOT) else home
    print(f"Home: {shown}, {sum(file.stat().st_size for file in home.rglob('*') if file.is_file())} bytes")
    platform.close()


if __name__ == "__main__":
    sys.exit(main())
