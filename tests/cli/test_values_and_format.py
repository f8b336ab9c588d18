"""How values are typed, and how answers are written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from jupyterlab_dsp.cli import format
from jupyterlab_dsp.cli.usage import UsageProblem
from jupyterlab_dsp.cli.values import parse_params, parse_size, split_names


@pytest.mark.parametrize(
    ("text", "size"),
    [("4GB", 4 * 10**9), ("512MiB", 512 * 2**20), ("1.5 G", 1_500_000_000), ("100", 100), ("2gi", 2**31), (".5k", 500)],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "GB", "4 apples", "-1GB", "4GB5", "1e9", "\uff14GB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(UsageProblem, match="is no size"):
        parse_size(text)


def test_a_parameter_without_value_or_given_twice_is_refused() -> None:
    with pytest.raises(UsageProblem, match="is no pair"):
        parse_params(["lr"])
    with pytest.raises(UsageProblem, match="given twice"):
        parse_params(["lr=1", "lr=2"])


def test_names_with_commas() -> None:
    assert split_names(["a,b", "c"]) == ["a", "b", "c"]


def test_ages() -> None:
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)

    def ago(**spans: float) -> str:
        return format.age((now - timedelta(**spans)).isoformat().replace("+00:00", "Z"), now)

    assert ago(seconds=2) == "just now"
    assert ago(seconds=42) == "42 s ago"
    assert ago(minutes=18, seconds=20) == "18 min ago"
    assert ago(hours=5) == "5 h ago"
    assert ago(days=3) == "3 d ago"
    assert ago(days=40) == "2026-10-13"
    assert format.age(None) == format.age("no date") == ""


def test_sizes_and_numbers_are_short_and_true() -> None:
    assert [format.size(n) for n in (0, 999, 1500, 400_000, 2_500_000, 4 * 10**9)] == [
        "0 B", "999 B", "1.5 kB", "0.4 MB", "2.5 MB", "4.0 GB",
    ]  # fmt: skip
    assert [format.number(v) for v in (1e-3, 1.5e-5, 0.97123, 64, 3.0, None, True, float("nan"), "x", [1])] == [
        "0.001", "1.5e-5", "0.9712", "64", "3", "—", "True", "nan", "x", "[1]",
    ]  # fmt: skip
    assert format.duration(200) == "3 min 20 s"


def test_tables_fit_and_hold_no_control_characters() -> None:
    text = format.text_table(["id", "message"], [["1", "a\x1b[31mb\nc" + "x" * 500]], width=60)
    assert max(len(line) for line in text.splitlines()) <= 60
    assert "\x1b" not in text
    assert len(text.splitlines()) == 2


def test_html_is_escaped() -> None:
    made = format.html_table(["<a>"], [["<script>alert(1)</script>"]])
    assert "<script>" not in made
    assert "&lt;a&gt;" in made


def test_metrics_put_the_headline_first() -> None:
    assert format.metrics({"loss": 0.1, "learning_rate": 1.0, "val_accuracy": 0.97}) == "val_accuracy 0.97, loss 0.1"
