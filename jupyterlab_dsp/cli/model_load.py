"""``dsp model load digits@production``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from .commands import Where

if TYPE_CHECKING:
    from .session import Session


def add_arguments(parser: argparse.ArgumentParser, where: Where) -> None:
    """A version by name."""
    parser.add_argument("ref", metavar="MODEL[@VERSION]", help="digits, digits@3, digits@production.")
    parser.add_argument("--allow-unsafe", action="store_true",
                        help="Also where loading runs code that comes with the file (pickle).")  # fmt: skip


def run(values: argparse.Namespace, session: Session) -> Any:
    """Raises NotFound, UnsafeFormat with the reason, ExtraMissing, Corrupt."""
    model = session.platform.model.load_object(values.ref, allow_unsafe=values.allow_unsafe)
    return session.loaded(values.ref, model, values)
