"""The extension that the Jupyter server loads.

Nothing heavy happens at load: the table of operations, pydantic and the services are imported when the first
request comes, or a moment after the server is up, in a thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import threading
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_server.extension.application import ExtensionApp
from tornado.routing import PathMatches, Rule
from traitlets import Float, Unicode

from .events import register
from .pool import Pool
from .router import ROOT, LazyRouter

if TYPE_CHECKING:
    from jupyterlab_dsp.platform import Platform

    from .watch import Watcher


class DspApp(ExtensionApp):  # type: ignore[misc]
    """The Jupyter server half of the data science platform."""

    name = "jupyterlab_dsp_server"
    description = "The data science platform: train, export, browse, compare, serve."
    load_other_extensions = True

    home = Unicode(
        "",
        help="Folder of all that the platform keeps. Kernels of this server use it too. "
        "Empty: DSP_HOME, else the folder 'dsp' in the Jupyter data directory.",
    ).tag(config=True)
    warm_up_after_s = Float(
        3.0,
        help="Seconds after the start of the server at which the platform is made ready and changes made by other "
        "processes begin to be noticed. The first request does it at once, whatever this says.",
    ).tag(config=True)

    #: what the server offers to other extensions and to tests
    pool: Pool
    watcher: Watcher | None = None

    def initialize_settings(self) -> None:
        """Called by the server once, before handlers are made."""
        self._build_lock = threading.Lock()
        self._built: Platform | None = None
        self._is_stopped = False
        self.pool = Pool()
        if self.home:
            # by the environment, so that kernels, terminals and jobs started by this server look there too
            os.environ["DSP_HOME"] = str(Path(self.home).expanduser().absolute())
        # a subscriber hears only of events that were known when it connected, so this is not put off
        register(self.serverapp.event_logger)

    def initialize_handlers(self) -> None:
        """One rule for all routes: what lies below it is made of the table of operations on first use."""
        web_app = self.serverapp.web_app
        base_url = web_app.settings["base_url"].rstrip("/")
        pattern = PathMatches(re.escape(base_url + ROOT) + "(?:/.*)?$")
        web_app.add_handlers(".*$", [Rule(pattern, LazyRouter(self, base_url))])
        # the loop runs later; a server that ends before that never gets here
        self.serverapp.io_loop.call_later(self.warm_up_after_s, self._warm_up)

    @property
    def platform(self) -> Platform:
        """The platform, made on first use. Call it in the pool: the first call imports and opens things."""
        if self._built is None:
            with self._build_lock:
                if self._built is None:
                    self._built = _build()
        return self._built

    def begin(self) -> None:
        """Start to watch for changes; on the event loop. Does nothing the second time."""
        if self.watcher is None and not self._is_stopped:
            from .watch import Watcher

            self.watcher = Watcher(self)
            self.watcher.start(asyncio.get_running_loop())

    async def _warm_up(self) -> None:
        if not self._is_stopped:
            await self.pool.run("warm-up", _import_all)
            self.begin()

    async def stop_extension(self) -> None:
        """Called by the server when it ends."""
        self._is_stopped = True
        if self.watcher is not None:
            await self.watcher.stop()
        self.pool.close()
        if self._built is not None:
            with contextlib.suppress(Exception):
                self._built.close()


def _import_all() -> None:
    """What the first request would import, in a thread of the pool instead of on the event loop."""
    for name in ("routing", "watch"):
        import_module(f"jupyterlab_dsp_server.{name}")


def _build() -> Any:
    from jupyterlab_dsp.errors import InvalidInput, Unavailable
    from jupyterlab_dsp.platform import Platform

    try:
        return Platform()
    except InvalidInput as error:  # wrong settings are the operator's input, not that of who sent the request
        raise Unavailable(error.message, hint=error.hint, **error.details) from error
