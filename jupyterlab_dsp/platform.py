"""The platform: settings, storage and services put together. Everything outside the core starts here."""

from __future__ import annotations

import getpass
import os
import threading
import tomllib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import ValidationError
from pydantic_settings import SettingsError

from . import plugins
from .contract.base import Request
from .contract.operations import BY_ID
from .errors import InvalidInput, NotFound
from .paths import Paths
from .settings import Settings, default_home

if TYPE_CHECKING:
    from .model.plugin import Store
    from .model.service import ModelService
    from .records import Records
    from .system import SystemService
    from .train.service import TrainService


Part = TypeVar("Part")


class part(Generic[Part]):  # noqa: N801  used as a decorator
    """A part that is made when it is first used, once whatever number of threads ask for it.

    Python's ``cached_property`` makes two of them where two threads come at the same time.
    """

    def __init__(self, make: Callable[[Any], Part]) -> None:
        self._make = make
        self._name = make.__name__
        self.__doc__ = make.__doc__

    def __get__(self, platform: Platform | None, owner: type) -> Part:
        if platform is None:
            return self  # type: ignore[return-value]  # the class shows its descriptor
        with platform._lock:
            if self._name not in platform.__dict__:
                platform.__dict__[self._name] = self._make(platform)
            made: Part = platform.__dict__[self._name]
            return made


class Platform:
    """One installation. Cheap to build: each part is made when it is first used. Safe from any thread.

    settings: None reads the file in the home and the environment; raises InvalidInput where these are wrong.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or read_settings()
        self.paths = Paths(self.settings.home)
        self._lock = threading.RLock()

    @part
    def user(self) -> str:
        """Name written on what is made."""
        if self.settings.user:
            return self.settings.user
        try:
            return getpass.getuser()
        except (KeyError, OSError):  # a container run with a user number that no one has named
            return f"user-{os.getuid()}"

    @part
    def records(self) -> Records:
        choice = self.settings.records
        records: Records = plugins.create("records", choice.plugin, choice.config, paths=self.paths)
        return records

    @part
    def store(self) -> Store:
        choice = self.settings.store
        store: Store = plugins.create("stores", choice.plugin, choice.config, paths=self.paths)
        return store

    @part
    def model(self) -> ModelService:
        from .model.service import ModelService

        return ModelService(self.records, self.store, self.paths, self.settings, self.user)

    @part
    def train(self) -> TrainService:
        from .train.service import TrainService

        return TrainService(self.records, self.store, self.paths, self.settings, self.user, self.model)

    @part
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


def read_settings() -> Settings:
    """Settings of this installation. Raises InvalidInput naming the setting, and where it is set."""
    try:
        return Settings()
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(
            f"The settings file is no TOML: {error}.",
            hint=f"Correct {os.environ.get('DSP_SETTINGS') or default_home() / 'settings.toml'}.",
            field="settings",
        ) from error
    except (ValidationError, SettingsError) as error:
        wrong = invalid_input(error) if isinstance(error, ValidationError) else None
        field = str(wrong.details["field"]) if wrong else "settings"
        raise InvalidInput(
            f"The settings are wrong. {wrong.message if wrong else error}",
            hint=f"Look at DSP_{field.split('.')[0].upper()} in the environment and at settings.toml in the home.",
            field=field,
        ) from error


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
