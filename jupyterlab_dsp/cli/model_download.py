"""``dsp model download digits@3 --to digits.zip``."""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import Conflict, InvalidInput
from .commands import Where
from .format import size
from .references import version_number

if TYPE_CHECKING:
    from .session import Session


def add_arguments(parser: argparse.ArgumentParser, where: Where) -> None:
    """A version by name, and where to."""
    parser.add_argument("ref", metavar="MODEL[@VERSION]", help="digits, digits@3, digits@production.")
    parser.add_argument("--to", metavar="FILE", default="", help="File to write. Left out: MODEL-VERSION.zip here.")
    parser.add_argument("--force", action="store_true", help="Replace the file where it exists.")


def run(values: argparse.Namespace, session: Session) -> Any:
    """The file appears whole or not at all. Raises NotFound, Conflict, Corrupt."""
    from .views import Note

    model, _, ref = values.ref.partition("@")
    version = int(ref) if ref.isdigit() else version_number(session.platform, model, ref or "latest")
    target = Path(values.to or f"{model}-{version}.zip").expanduser()
    if target.exists() and not values.force:
        raise Conflict(f"'{target}' exists already.", hint="Give another name with --to, or --force.")
    download = session.platform.call("model.download", {"model": model, "version": version})
    try:
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False) as file:
            try:
                shutil.copyfileobj(download.stream, file, 2**20)
                file.close()
                os.replace(file.name, target)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        raise InvalidInput(f"'{target}' cannot be written: {error.strerror}.") from error
    finally:
        download.stream.close()
    return Note(f"{target}: {size(target.stat().st_size)}")
