"""``python -m benchmarks [AREA ...] [--json FILE] [--quick]``: prints a table, ends with 1 where a bound is missed."""

from __future__ import annotations

import argparse
import importlib
import json
import signal
import sys
from pathlib import Path

from .harness import Options, Row, table

AREAS = ("store", "train", "startup")


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("areas", nargs="*", metavar="AREA", help=f"of {', '.join(AREAS)}; none: all")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows as JSON")
    parser.add_argument("--quick", action="store_true", help="one turn on small sets: does it run? No figure counts")
    parser.add_argument("--runs", type=int, default=5, help="turns of a row that does not say otherwise")
    parser.add_argument("--only", default="", metavar="TEXT", help="groups of an area whose name contains TEXT")
    options = parser.parse_args()
    for area in options.areas:
        if area not in AREAS:
            parser.error(f"there is no area '{area}'; there are {', '.join(AREAS)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers and folders go too
    rows: list[Row] = []
    broken = []
    for area in options.areas or AREAS:
        for group in importlib.import_module(f".{area}", __package__).GROUPS:
            if options.only not in group.__name__:
                continue
            print(f"==> {area}: {group.__name__.replace('_', ' ')}", file=sys.stderr)
            try:
                for row in group(Options(quick=options.quick, runs=options.runs)):
                    rows.append(row)
                    print(f"    {row.name}: {'holds' if row.holds else 'MISSED'}", file=sys.stderr)
            except Exception as error:  # noqa: BLE001 - the other rows are still worth measuring
                broken.append(f"{area}, {group.__name__.replace('_', ' ')}: {str(error).strip().splitlines()[-1]}")
                print(f"    broken: {error}", file=sys.stderr)
    for line in table(rows):
        print(line)
    if options.json:
        options.json.write_text(json.dumps([row.as_json() for row in rows], indent=1) + "\n", encoding="utf-8")
    missed = [row.name for row in rows if not row.holds]
    for text in broken:
        print(f"broken: {text}")
    print(
        f"{len(rows)} rows, {len(missed)} missed, {len(broken)} groups broken" + (" (quick)" if options.quick else "")
    )
    return 1 if missed or broken else 0


if __name__ == "__main__":
    sys.exit(main())
