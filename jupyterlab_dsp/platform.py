"""The platform: settings, storage and services put together. Everything outside the core starts here."""

from __future__ import annotations

import getpass
import threading
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from . import plugins
from .contract.base import Request
from .contract.operations import BY_ID
from .errors import InvalidInput, NotFound
from .paths import Paths
from .settings import Settings

if TYPE_CHECKING:
    from .model.plugin import Store
    from .model.service import ModelService
    from .records import Records
    from .system import SystemService
    from .train.service import TrainService


class Platform:
    """One installation. Cheap to build: each part is made when it is first used. Safe from any thread.

    settings: None reads the file in the home and the environment.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self.paths = Paths(self.settings.home)
        self._lock = threading.RLock()

    @cached_property
    def user(self) -> str:
        """Name written on what is made."""
        return self.settings.user or getpass.getuser()

    @cached_property
    def records(self) -> Records:
        choice = self.settings.records
        with self._lock:
            records: Records = plugins.create("records", choice.plugin, choice.config, paths=self.paths)
            return records

    @cached_property
    def store(self) -> Store:
        choice = self.settings.store
        with self._lock:
            store: Store = plugins.create("stores", choice.plugin, choice.config, paths=self.paths)
            return store

    @cached_property
    def model(self) -> ModelService:
        from .model.service import ModelService

        return ModelService(self.records, self.store, self.paths, self.settings, self.user)

    @cached_property
    def train(self) -> TrainService:
        from .train.service import TrainService

        return TrainService(self.records, self.store, self.paths, self.settings, self.user, self.model)

    @cached_property
    def system(self) -> SystemService:
        from .system import SystemService

        return SystemService(self.settings, self.user)

    def call(self, operation_id: str, request: Request | dict[str, Any] | None = None) -> Any:
        """Do one operation of the contract.

        request: the operation's request type, or a dict that is checked against it.
        Returns the operation's response type; for a binary one a ``Download``.
        Raises NotFound for an unknown operation, InvalidInput naming the field, and what the service raises.
        """
        operation = BY_ID.get(operation_id)
        if operation is None:
            raise NotFound.of("operation", operation_id)
        if not isinstance(request, operation.request):
            request = check(operation.request, request or {})
        return getattr(getattr(self, operation.area), operation.method_name)(request)

    def close(self) -> None:
        """Release connections."""
        if "records" in self.__dict__:
            self.records.close()


def check(type_: type[Request], values: Any) -> Request:
    """Validate ``values`` as ``type_``; raises InvalidInput whose message names the field and what would be right."""
    try:
        return type_.model_validate(values)
    except ValidationError as error:
        raise invalid_input(error) from error


def invalid_input(error: ValidationError) -> InvalidInput:
    """pydantic's list of errors as one sentence of ours: the first problem in words, all of them in the details."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    first = problems[0]
    field = ".".join(str(part) for part in first["loc"]) or "request"
    if first["type"] == "extra_forbidden":
        message = f"There is no field '{field}'."
    elif first["type"] == "missing":
        message = f"The field '{field}' is missing."
    else:
        message = f"The field '{field}' is wrong: {first['msg'][0].lower()}{first['msg'][1:]}."
    more = len(problems) - 1
    return InvalidInput(
        message,
        hint=f"{more} more field{'s are' if more > 1 else ' is'} wrong too." if more else None,
        field=field,
        problems=[
            {"field": ".".join(str(part) for part in problem["loc"]), "message": problem["msg"]}
            for problem in problems[:20]
        ],
    )
