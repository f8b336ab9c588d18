"""Events to the browser, on the Jupyter server's own channel ``/api/events/subscribe``.

``python -m jupyterlab_dsp_server.events`` writes the schema anew from the contract; a test fails where it is stale.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jupyterlab_dsp.contract.system import RecordChanged

#: ``$id`` of the event schema: an id, not an address.
RECORD_CHANGED = "https://events.jupyterlab-dsp.dev/record-changed/v1"
SCHEMA_FILE = Path(__file__).parent / "event_schemas" / "record-changed" / "v1.yaml"


def register(logger: Any) -> None:
    """Make the events known. Reads the file, because the contract is not to be imported at the server's start."""
    if RECORD_CHANGED not in logger.schemas:
        logger.register_event_schema(SCHEMA_FILE)


def emit(logger: Any, change: RecordChanged) -> None:
    """Tell all browsers; on the event loop."""
    logger.emit(schema_id=RECORD_CHANGED, data=change.model_dump(mode="json"))


def somebody_listens(logger: Any) -> bool:
    """Whether a browser is connected. Where the server does not say (its attribute is private), yes."""
    listeners = getattr(logger, "_modified_listeners", None)
    if listeners is None or logger.handlers:
        return True
    return bool(listeners.get(RECORD_CHANGED))


def schema_text() -> str:
    """The schema file, made of the contract."""
    import yaml  # type: ignore[import-untyped]

    from jupyterlab_dsp.contract.system import RecordChanged

    shape = RecordChanged.model_json_schema(mode="serialization")
    schema = {
        "$id": RECORD_CHANGED,
        "version": "1",
        "title": shape["title"],
        "personal-data": False,
        "description": shape["description"],
        "type": "object",
        "required": shape["required"],
        "properties": shape["properties"],
    }
    note = "# Made of jupyterlab_dsp/contract/system.py by: python -m jupyterlab_dsp_server.events\n"
    return note + str(yaml.safe_dump(schema, sort_keys=False, width=100))


if __name__ == "__main__":
    SCHEMA_FILE.parent.mkdir(parents=True, exist_ok=True)
    SCHEMA_FILE.write_text(schema_text(), encoding="utf-8")
