"""Handlers and routes, made of the table of operations."""

from __future__ import annotations

import re
from typing import Any

from jupyter_server.auth.decorator import authorized
from tornado.web import authenticated

from jupyterlab_dsp.contract.openapi import PREFIX
from jupyterlab_dsp.contract.operations import OPERATIONS, Operation
from jupyterlab_dsp.errors import NotFound

from .endpoint import Endpoint, OperationEndpoint
from .errors import MethodNotAllowed


def resource(area: str) -> str:
    """What an Authorizer of the Jupyter server is asked about: 'may this user read dsp:train?'."""
    return f"dsp:{area}"


def handler_class(operation: Operation) -> type[Endpoint]:
    """The handler of one operation.

    A class of its own, decorated by itself: ``authorized`` keeps its first answer, so that a decorated method
    shared by two handlers would check the permission of the first for both.
    """

    async def answer(self: OperationEndpoint) -> None:
        await self.answer()

    answer.__name__ = operation.method.lower()
    answer.__doc__ = operation.summary
    name = "".join(part.title() for part in re.split(r"[.-]", operation.id))
    return type(
        name,
        (OperationEndpoint,),
        {
            "__module__": __name__,
            "__doc__": operation.summary,
            "operation": operation,
            "auth_resource": resource(operation.area),
            operation.method.lower(): _guarded(answer, operation.permission, resource(operation.area)),
        },
    )


def _guarded(method: Any, action: str, resource_: str) -> Any:
    return authenticated(authorized(action, resource_)(method))


class OpenApi(Endpoint):
    """The description of all routes."""

    auth_resource = resource("system")

    async def _answer(self) -> None:
        self.answer_json(await self.app.pool.run("openapi", _openapi))

    get = _guarded(_answer, "read", resource("system"))


def _openapi() -> bytes:
    import json
    from importlib.metadata import version

    from jupyterlab_dsp.contract.openapi import build

    return json.dumps(build(version("jupyterlab-dsp"))).encode()


class Nothing(Endpoint):
    """Answers what no operation answers: 404, or 405 where only the verb is wrong. Strangers get 403 here too."""

    auth_resource = resource("system")

    async def _answer(self) -> None:
        if self.allowed:
            raise MethodNotAllowed(
                f"{self.request.method} is not offered here.",
                hint=f"Offered: {', '.join(self.allowed)}.",
                allowed=list(self.allowed),
            )
        raise NotFound("There is no such route.", hint=f"All routes: {PREFIX}/openapi.json")

    # authentication alone: what does not exist has no permission
    get = head = post = put = patch = delete = authenticated(_answer)


class Routes:
    """Path and verb to handler class."""

    def __init__(self) -> None:
        self.by_path: dict[str, dict[str, type[Endpoint]]] = {f"{PREFIX}/openapi.json": {"GET": OpenApi}}
        for operation in OPERATIONS:
            self.by_path.setdefault(PREFIX + operation.path, {})[operation.method] = handler_class(operation)
        # a fixed word wins over a field at the same place
        templates = sorted(self.by_path, key=lambda path: path.count("{"))
        self._patterns = [(_pattern(template), self.by_path[template]) for template in templates]

    def find(self, method: str, path: str) -> tuple[type[Endpoint], dict[str, Any]]:
        """(handler class, arguments of its ``initialize``). The path is still percent-encoded."""
        for pattern, handlers in self._patterns:
            match = pattern.fullmatch(path)
            if match is None:
                continue
            if method in handlers:
                return handlers[method], {"path": match.groupdict()}
            return Nothing, {"allowed": tuple(handlers)}
        return Nothing, {}


def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", template)
    return re.compile("".join(f"(?P<{part}>[^/]+)" if i % 2 else re.escape(part) for i, part in enumerate(parts)))
