"""Finding the format of a live object, or of a stored version."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from .. import plugins
from ..errors import DspError, ExtraMissing, InvalidInput
from .plugin import Format

#: the format that fits any object, and is used only when somebody asks to store it
LAST_RESORT = "pickle"


class NoOptions(BaseModel):
    """Configuration of a format that has nothing to configure."""

    model_config = ConfigDict(extra="forbid")


def get_format(name: str) -> Format:
    """The format plug-in of that name. Raises InvalidInput, ExtraMissing, Unavailable."""
    made: Format = plugins.create("formats", name)
    return made


def choose_format(obj: object) -> Format:
    """The first format, highest priority first, that can save ``obj``. Raises InvalidInput where none can."""
    formats: list[Format] = []
    for name in plugins.names("formats"):
        try:
            formats.append(get_format(name))
        except (ExtraMissing, DspError):
            continue  # a plug-in that cannot be loaded here cannot have made the object either
    for candidate in sorted(formats, key=lambda each: (-each.priority, each.name)):
        if candidate.handles(obj):
            return candidate
    raise InvalidInput(
        f"No format can save a {type(obj).__module__}.{type(obj).__qualname__}.",
        hint=f"Formats here: {', '.join(plugins.names('formats'))}.",
        field="model",
    )


def format_of_live_model(obj: object) -> str | None:
    """Name of the format of a *fitted* model, or None for any other object; what a pickle would fit is no model.

    Imports nothing that is not imported already, so that looking at every name of a kernel costs nothing.
    """
    if isinstance(obj, type) or not hasattr(obj, "__dict__"):
        return None
    try:
        found = choose_format(obj).name
    except InvalidInput:
        return None
    if found == LAST_RESORT:
        return None
    # scikit-learn's own convention, checked by its check_is_fitted: fitted attributes end in "_"
    if found == "sklearn" and not any(name.endswith("_") and not name.startswith("_") for name in vars(obj)):
        return None
    return found


def class_name(obj: object) -> str:
    """Module and name of an object's class."""
    return f"{type(obj).__module__}.{type(obj).__qualname__}"


def is_instance_of(obj: object, package: str, names: frozenset[str]) -> bool:
    """Whether a class of ``obj`` comes from ``package`` and has one of the names; imports nothing."""
    return any(cls.__name__ in names and cls.__module__.partition(".")[0] == package for cls in type(obj).__mro__)
