"""Where things lie below the home."""

from __future__ import annotations

from pathlib import Path

from .errors import Unavailable


class Paths:
    """Folders and files of one home; made on first use, readable by the owner alone."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def _folder(self, *parts: str) -> Path:
        folder = self.home.joinpath(*parts)
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise Unavailable(
                f"The folder {folder} cannot be made: {error.strerror}.",
                hint="Set DSP_HOME to a folder that you can write to.",
            ) from error
        return folder

    @property
    def records(self) -> Path:
        """The SQLite file."""
        return self._folder() / "records.sqlite"

    @property
    def store(self) -> Path:
        """Root of the local artifact store."""
        return self._folder("store")

    @property
    def specs(self) -> Path:
        """The bare git repository of exported Specs."""
        return self._folder() / "specs.git"

    def run(self, run_id: str) -> Path:
        """Working folder of one run; made by whoever submits."""
        return self.home / "runs" / run_id

    @property
    def scratch(self) -> Path:
        """Temporary folders, on the same file system as the store so that a rename is enough."""
        return self._folder("scratch")
