"""Writes what is made from the code: openapi.json, src/*.gen.ts, the event schema, docs/reference/.

--check writes nothing and ends with 1, naming each file that is not what the code would make.
--no-typescript leaves src/*.gen.ts alone (they need the npm packages).
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
from jupyterlab_dsp.contract.operations import OPERATIONS
from jupyterlab_dsp_server import events

ROOT = Path(__file__).resolve().parents[2]
EVENT_SCHEMA = str(events.SCHEMA_FILE.relative_to(ROOT))
OPENAPI = "jupyterlab_dsp/contract/openapi.json"
TYPESCRIPT = "src/contract.gen.ts"
ROUTES = "src/operations.gen.ts"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--no-typescript", action="store_true")
    options = parser.parse_args()
    files = made(with_typescript=not options.no_typescript)
    stale = [name for name, text in files.items() if current(name) != text]
    left_over = [
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / "docs/reference").glob("*.md"))
        if str(path.relative_to(ROOT)) not in files
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
        files[ROUTES] = routes()
    return files


def openapi_text() -> str:
    return json.dumps(openapi.build(), indent=1, ensure_ascii=False, sort_keys=False) + "\n"


def typescript(document: str) -> str:
    """The document as TypeScript types, by openapi-typescript."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "openapi.json"), Path(folder, "contract.gen.ts")
        source.write_text(document, encoding="utf-8")
        _npm("openapi-typescript", str(source), "-o", str(target), "--default-non-nullable=false")
        return target.read_text(encoding="utf-8")


def routes() -> str:
    """Verb and path of each operation, for the front end's client."""
    lines = [
        "// Made by scripts/generate from the table of operations. Do not edit.",
        "",
        "export const OPERATIONS = {",
    ]
    lines += [
        f"  '{operation.id}': {{ method: '{operation.method}', path: '{openapi.PREFIX}{operation.path}' }},"
        for operation in OPERATIONS
    ]
    return "\n".join([*lines, "} as const;", ""])


def _npm(tool: str, *arguments: str) -> None:
    command = ROOT / "node_modules" / ".bin" / tool
    if not command.exists():
        raise SystemExit("error: the npm packages are not installed; scripts/test and scripts/demo install them")
    done = subprocess.run([str(command), *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"error: {tool}: {done.stderr or done.stdout}")


def current(name: str) -> str | None:
    path = ROOT / name
    return path.read_text(encoding="utf-8") if path.exists() else None


if __name__ == "__main__":
    sys.exit(main())
