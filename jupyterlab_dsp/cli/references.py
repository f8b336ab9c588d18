"""How people name runs and versions: ``last``, the beginning of an id, ``v3``, ``production``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from ..platform import Platform

#: runs among which a prefix is looked for; an older one is named by its whole id
_PREFIX_PAGES = 5


def run_id(platform: Platform, text: str, *, or_text: bool = False) -> str:
    """The id of the run that ``text`` names. Raises NotFound, InvalidInput where several begin so.

    or_text: give back what looks like no run at all, for the operation to judge.
    """
    if text in ("last", "-1"):
        newest = platform.call("train.list", {"limit": 1}).items
        if not newest:
            raise NotFound("There is no run yet.", hint="Put %%dsp train --name NAME on top of a training cell.")
        return str(newest[0].id)
    if re.fullmatch(r"[0-9a-f]{12}", text):
        return text
    if not re.fullmatch(r"[0-9a-f]{2,11}", text):
        if or_text:
            return text
        raise NotFound.of("run", text, "Name it by its id, the beginning of it, or 'last'.")
    found = _beginning_with(platform, text)
    if len(found) > 1:
        raise InvalidInput(f"{len(found)} runs begin with '{text}': {', '.join(found[:5])}.", hint="Give more digits.")
    if not found:
        if or_text:
            return text
        raise NotFound.of("run", text, "'dsp train list' shows the runs there are.")
    return found[0]


def _beginning_with(platform: Platform, prefix: str) -> list[str]:
    found: list[str] = []
    cursor: str | None = None
    for _ in range(_PREFIX_PAGES):
        page = platform.call("train.list", {"limit": 1000, "cursor": cursor})
        found += [row.id for row in page.items if row.id.startswith(prefix)]
        cursor = page.next_cursor
        if cursor is None:
            break
    return found


def version_number(platform: Platform, model: str, ref: str) -> int:
    """The number of "v3", "latest" or an alias. Raises NotFound."""
    if re.fullmatch(r"v\d{1,10}", ref):
        return int(ref[1:])
    return int(platform.call("model.resolve", {"model": model, "ref": ref}).version)
