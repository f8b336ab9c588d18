"""A server extension for tests: says which modules the server has imported."""

from __future__ import annotations

import json
import sys
from typing import Any

from jupyter_server.base.handlers import APIHandler
from tornado.web import authenticated


class _Modules(APIHandler):
    @authenticated
    def get(self) -> None:
        self.finish(json.dumps(sorted(sys.modules)))


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    return [{"module": "dsp_probe"}]


def _load_jupyter_server_extension(app: Any) -> None:
    app.web_app.add_handlers(".*$", [(app.base_url.rstrip("/") + "/probe", _Modules)])
