"""Errors in a notebook: one red line and what to do, no traceback; the cell fails all the same."""

from __future__ import annotations

from typing import TypeVar

from ..errors import DspError

_Error = TypeVar("_Error", bound=DspError)
_RED, _PLAIN = "\x1b[31m", "\x1b[0m"


def presentable(error: _Error) -> _Error:
    """The same error, drawn by IPython as a sentence instead of a traceback."""

    def render() -> list[str]:
        lines = [f"{_RED}{error.message}{_PLAIN}"]
        if error.hint:
            lines.append(error.hint)
        if trace := error.details.get("traceback"):
            lines.append(str(trace).rstrip())
        return lines

    error._render_traceback_ = render  # type: ignore[attr-defined]
    error.__traceback__ = None
    error.__suppress_context__ = True
    return error
