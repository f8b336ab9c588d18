"""``dsp train watch RUN``: text progress until the run ends."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from .commands import Where
from .progress import follow
from .references import run_id

if TYPE_CHECKING:
    from .session import Session


def add_arguments(parser: argparse.ArgumentParser, where: Where) -> None:
    """One run."""
    parser.add_argument("run_id", metavar="RUN", nargs="?", default="last",
                        help="Id, beginning of the id, or 'last' (the default).")  # fmt: skip
    parser.add_argument("--log", action="store_true", help="Print what the run prints, too.")


def run(values: argparse.Namespace, session: Session) -> Any:
    """Returns the run when it succeeded. Raises RunFailed when it ended otherwise."""
    say = session.quiet if values.as_json else session.say
    return follow(session.platform, run_id(session.platform, values.run_id), say, with_log=values.log)
