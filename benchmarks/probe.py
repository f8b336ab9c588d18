"""An empty server extension, to compare with ours; it also says what the server has imported."""

from __future__ import annotations

import sys
from typing import Any

from tornado.web import RequestHandler


class Modules(RequestHandler):
    """Names of all imported modules."""

    def get(self) -> None:
        self.finish({"modules": sorted(sys.modules)})


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    return [{"module": "benchmarks.probe"}]


def _load_jupyter_server_extension(app: Any) -> None:
    app.web_app.add_handlers(".*$", [(app.web_app.settings["base_url"] + "bench/modules", Modules)])
