"""Runs a command that is a plain operation."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from .commands import Command
from .options import options_of, request_of
from .references import run_id, version_number

if TYPE_CHECKING:
    from .session import Session


def run_operation(command: Command, values: argparse.Namespace, session: Session) -> Any:
    """Call the operation with what was typed; people's names of runs and versions are resolved first."""
    operation = command.operation
    assert operation is not None
    options = options_of(operation, command.form)
    for option in options:
        if option.field == "version" and isinstance(values.version, str) and not values.version.isdigit():
            values.version = version_number(session.platform, values.model, values.version)
    request = request_of(options, values)
    if "run_id" in request:
        request["run_id"] = run_id(session.platform, request["run_id"])
    if operation.id == "train.compare":
        request["refs"] = [
            ref if "@" in ref else run_id(session.platform, ref, or_text=True) for ref in request["refs"]
        ]
    return session.platform.call(operation.id, request)
