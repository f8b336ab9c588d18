"""Numbers with their units, and tables: text for terminals, HTML for notebooks. The same words as the panel's."""

from __future__ import annotations

import html
import json
import math
import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

#: the metric that a list shows first
_HEADLINES = ("val_accuracy", "val_auc", "accuracy", "auc", "f1", "r2", "val_loss", "loss")


def age(iso: str | None, now: datetime | None = None) -> str:
    """ "18 min ago", or the date when it is long ago."""
    try:
        then = datetime.fromisoformat(iso or "")
    except ValueError:
        return ""
    if then.tzinfo is None:
        then = then.replace(tzinfo=UTC)
    seconds = max(0.0, ((now or datetime.now(UTC)) - then).total_seconds())
    if seconds < 5:
        return "just now"
    for limit, size, unit in ((60, 1, "s"), (3600, 60, "min"), (86_400, 3600, "h"), (14 * 86_400, 86_400, "d")):
        if seconds < limit:
            return f"{int(seconds // size)} {unit} ago"
    return then.astimezone().strftime("%Y-%m-%d")


def size(size_bytes: float | None) -> str:
    """ "0.4 MB". Decimal units, as disks count; below 100 kB the smaller unit says more."""
    if size_bytes is None:
        return ""
    if size_bytes < 1000:
        return f"{size_bytes:.0f} B"
    value, unit = float(size_bytes), "B"
    for unit in ("kB", "MB", "GB", "TB"):
        value /= 1000
        if value < 1000 and not (unit == "kB" and value >= 99.95):
            break
    return f"{value:.0f} {unit}" if value >= 100 else f"{value:.1f} {unit}"


def duration(seconds: float | None) -> str:
    """ "12 s", "3 min 20 s", "1 h 5 min"."""
    if seconds is None or not math.isfinite(seconds):
        return ""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def number(value: Any) -> str:
    """A metric or parameter: short, never misleading."""
    if value is None:
        return "—"
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            return str(value)
        if value.is_integer() and abs(value) < 1e9:
            return str(int(value))
        if abs(value) < 1e-3 or abs(value) >= 1e6:
            mantissa, _, exponent = f"{value:.2e}".partition("e")
            return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
        return f"{value:.4g}"
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def pairs(values: Mapping[str, Any] | None, most: int = 4) -> str:
    """ "lr 0.001, units 64"."""
    items = list((values or {}).items())
    shown = ", ".join(f"{name} {_cut(number(value))}" for name, value in items[:most])
    return f"{shown}, …" if len(items) > most else shown


def _cut(text: str, most: int = 40) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def metrics(values: Mapping[str, Any] | None, most: int = 2) -> str:
    """The metrics that matter most, the headline first."""
    known = values or {}
    order = [name for name in _HEADLINES if name in known]
    order += [name for name in known if name not in order and name != "learning_rate"]
    return ", ".join(f"{name} {number(known[name])}" for name in order[:most])


def plain(value: Any) -> str:
    """Text in which a terminal finds no control characters: names and messages come from anywhere."""
    text = str(value)
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)


def text_table(head: Sequence[str], rows: Sequence[Sequence[str]], width: int | None = None) -> str:
    """Columns with two spaces between; where the terminal is too narrow the widest columns are cut."""
    if not rows:
        return ""
    lines = [[plain(cell) for cell in row] for row in (head, *rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    room = (width or max(shutil.get_terminal_size((100, 24)).columns, 60)) - 2 * (len(head) - 1)
    while sum(widths) > room and max(widths) > 12:
        widths[widths.index(max(widths))] -= 1
    made = []
    for line in lines:
        cells = [cell if len(cell) <= w else cell[: w - 1] + "…" for cell, w in zip(line, widths, strict=True)]
        made.append("  ".join(cell.ljust(w) for cell, w in zip(cells, widths, strict=True)).rstrip())
    return "\n".join(made)


def html_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The same for a notebook."""
    return (
        "<table><thead><tr>"
        + "".join(f"<th style='text-align:left'>{html.escape(name)}</th>" for name in head)
        + "</tr></thead><tbody>"
        + "".join(f"<tr>{''.join(_html_cell(cell) for cell in row)}</tr>" for row in rows)
        + "</tbody></table>"
    )


def text_facts(facts: Mapping[str, str]) -> str:
    """Names and values, one a line; empty values are left out."""
    shown = {name: value for name, value in facts.items() if value}
    wide = max((len(name) for name in shown), default=0)
    lines = []
    for name, value in shown.items():
        first, *rest = str(value).splitlines() or [""]
        lines.append(f"{name.ljust(wide)}  {plain(first)}")
        lines += [f"{'':{wide}}  {plain(line)}" for line in rest]
    return "\n".join(lines)


def html_facts(facts: Mapping[str, str]) -> str:
    """The same for a notebook."""
    rows = "".join(
        f"<tr><th style='text-align:left'>{html.escape(name)}</th>{_html_cell(value)}</tr>"
        for name, value in facts.items()
        if value
    )
    return f"<table>{rows}</table>"


def _html_cell(text: str) -> str:
    return f"<td style='text-align:left;white-space:pre-wrap'>{html.escape(str(text))}</td>"
