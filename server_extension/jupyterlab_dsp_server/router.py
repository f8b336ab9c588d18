"""The one rule that the server gets at its start. The table of operations behind it is read on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tornado.routing import Router

if TYPE_CHECKING:
    from .application import DspApp
    from .routing import Routes

#: Everything of ours lies below this.
ROOT = "/dsp"


class LazyRouter(Router):  # type: ignore[misc]
    """Finds the handler class of a request.

    Importing the table costs 0.2 s, which the start of the server must not pay.
    """

    #: the Jupyter server asks each target of a rule for its undecorated methods; a router has none
    SUPPORTED_METHODS: tuple[str, ...] = ()
    __name__ = "LazyRouter"

    def __init__(self, app: DspApp, base_url: str) -> None:
        self.app = app
        self._base_url = base_url
        self._routes: Routes | None = None

    @property
    def routes(self) -> Routes:
        if self._routes is None:
            from .routing import Routes

            self._routes = Routes()
        return self._routes

    def find_handler(self, request: Any, **_: Any) -> Any:
        """Called by tornado with each request below the root; always answers, unknown routes too."""
        self.app.begin()
        handler, arguments = self.routes.find(request.method, request.path[len(self._base_url) :])
        return self.app.serverapp.web_app.get_handler_delegate(request, handler, {"app": self.app, **arguments})
