"""What the platform says of itself."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from typing import BinaryIO

from . import plugins
from .contract.system import Formats, Info, ShowInfo
from .errors import DspError
from .settings import Settings


@dataclass(slots=True)
class Download:
    """Bytes that an operation answers with. Whoever gets it reads ``stream`` to the end and closes it."""

    filename: str
    stream: BinaryIO
    size_bytes: int | None = None
    media_type: str = "application/octet-stream"


class SystemService:
    """Use cases of the area ``system``."""

    def __init__(self, settings: Settings, user: str) -> None:
        self._settings = settings
        self._user = user

    def info(self, request: ShowInfo) -> Info:
        """Version, user, home and the plug-ins in use."""
        return Info(
            version=version("jupyterlab-dsp"),
            user=self._user,
            home=str(self._settings.home),
            records=self._settings.records.plugin,
            store=self._settings.store.plugin,
            engine=self._settings.engine,
            formats=[_format(name) for name in plugins.names("formats")],
        )


def _format(name: str) -> Formats:
    try:
        cls = plugins.plugin_class("formats", name)
    except DspError as error:
        return Formats(name=name, label=name, unavailable_reason=str(error))
    package = getattr(cls, "package", None)
    missing = None if package is None or find_spec(package) else f"The package '{package}' is not installed."
    return Formats(name=name, label=cls.label, unavailable_reason=missing)
