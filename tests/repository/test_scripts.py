"""The scripts' own small logic: the bench's arithmetic, the count of skips."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.harness import Bound, Row, alone, from_pairs, paired, table


def row(bound: Bound, pairs: list[tuple[float, float]]) -> Row:
    return from_pairs("r", "s", pairs, bound, other_name="peer")


def test_bound_on_a_ratio_takes_the_median_of_the_pairs() -> None:
    made = row(Bound("ratio", 0.5), [(1, 10), (1, 4), (9, 10)])
    assert (made.ours, made.other, made.ratio) == (1, 10, 0.25)
    assert made.holds
    assert made.spread == (0.1, 0.9)


@pytest.mark.parametrize(
    ("bound", "holds"),
    [
        (Bound("ratio", 0.1), False),
        (Bound("ratio", 0.2), True),
        (Bound("ratio", 0.2, at_least=True), True),
        (Bound("ratio", 5, at_least=True), False),
        (Bound("difference", -8), True),
        (Bound("difference", -9), False),
        (Bound("ours", 2), True),
        (Bound("ours", 1.9), False),
    ],
)
def test_bound(bound: Bound, holds: bool) -> None:
    assert row(bound, [(2, 10)]).holds is holds


def test_measures_take_turns() -> None:
    seen: list[str] = []

    def measure(name: str) -> float:
        seen.append(name)
        return 1.0

    made = paired(
        "r", "s", lambda: measure("A"), lambda: measure("B"), Bound("ratio", 1), turns=4, other_name="b", warm=0
    )
    assert made.runs == 4
    assert "".join(seen) == "BAABBAAB"


def test_table_says_what_missed() -> None:
    lines = list(
        table([alone("slow", "s", [3.0, 1.0, 2.0], Bound("ours", 1.5)), alone("fast", "s", [1], Bound("ours", 1))])
    )
    assert lines[0].startswith("row")
    assert " NO " in lines[2]
    assert " yes " in lines[3]


JUNIT = """<testsuites><testsuite>
<testcase classname="a" name="ok"/>
<testcase classname="a" name="gone"><skipped type="pytest.skip" message="{reason}"/></testcase>
</testsuite></testsuites>"""


@pytest.mark.parametrize(
    ("reason", "required", "status"),
    [("no server", "", 0), ("no server", "1", 1), ("this format does not promise it", "1", 0)],
)
def test_unexpected_skips_fail_where_services_are_required(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: str, required: str, status: int
) -> None:
    (tmp_path / "pytest.xml").write_text(JUNIT.format(reason=reason))
    monkeypatch.setenv("DSP_REQUIRE_SERVICES", required)
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts/lib/skips.py"), str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == status
    assert reason in done.stdout


def test_bench_refuses_an_unknown_area() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "sore"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "there is no area 'sore'" in done.stderr
