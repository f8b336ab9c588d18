"""Writes what is made from the code: openapi.json, src/contract.gen.ts, the event schema and docs/reference/.

--check writes nothing and ends with 1, naming each file that is not what the code would make.
--no-typescript leaves src/contract.gen.ts alone (it needs the npm packages).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import reference
from jupyterlab_dsp.contract import openapi
from jupyterlab_dsp_server import events

ROOT = Path(__file__).resolve().parents[2]
EVENT_SCHEMA = str(events.SCHEMA_FILE.relative_to(ROOT))
OPENAPI = "jupyterlab_dsp/contract/openapi.json"
TYPESCRIPT = "src/contract.gen.ts"
HEADER = "// Made by scripts/generate from jupyterlab_dsp/contract: change the classes there.\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--no-typescript", action="store_true")
    options = parser.parse_args()
    files = made(with_typescript=not options.no_typescript)
    stale = [name for name, text in files.items() if current(name) != text]
    known = set(files) | {TYPESCRIPT}
    left_over = [
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / "docs/reference").glob("*.md"))
        if str(path.relative_to(ROOT)) not in known
    ]
    if options.check:
        for name in stale:
            print(f"stale: {name} (run scripts/generate)")
        for name in left_over:
            print(f"not generated: {name} (docs/reference/ holds generated pages only)")
        return 1 if stale or left_over else 0
    for name in stale:
        (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / name).write_text(files[name], encoding="utf-8")
        print(f"wrote {name}")
    return 0


def made(*, with_typescript: bool = True) -> dict[str, str]:
    """Path below the root to the text that belongs there."""
    files = {OPENAPI: openapi_text(), EVENT_SCHEMA: events.schema_text(), **reference.pages()}
    if with_typescript:
        files[TYPESCRIPT] = typescript(files[OPENAPI])
    return files


def openapi_text() -> str:
    return json.dumps(openapi.build(), indent=1, ensure_ascii=False, sort_keys=False) + "\n"


def typescript(document: str) -> str:
    """The document as TypeScript types, by openapi-typescript."""
    tool = ROOT / "node_modules" / ".bin" / "openapi-typescript"
    if not tool.exists():
        raise SystemExit("error: the npm packages are not installed; scripts/test and scripts/demo install them")
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "openapi.json"), Path(folder, "contract.gen.ts")
        source.write_text(document, encoding="utf-8")
        subprocess.run(
            [str(tool), str(source), "-o", str(target), "--default-non-nullable=false"],
            cwd=ROOT, check=True, capture_output=True,
        )  # fmt: skip
        return HEADER + target.read_text(encoding="utf-8")


def current(name: str) -> str | None:
    path = ROOT / name
    return path.read_text(encoding="utf-8") if path.exists() else None


if __name__ == "__main__":
    sys.exit(main())
