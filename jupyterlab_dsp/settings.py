"""Settings: a TOML file in the home, then ``DSP_*`` environment variables, which win."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)


def default_home() -> Path:
    """``DSP_HOME``, else the folder ``dsp`` in the Jupyter data directory."""
    if home := os.environ.get("DSP_HOME"):
        return Path(home).expanduser().absolute()
    from jupyter_core.paths import jupyter_data_dir

    return Path(jupyter_data_dir()) / "dsp"


class PluginChoice(BaseModel):
    """A plug-in by name and its configuration."""

    model_config = ConfigDict(extra="forbid")

    plugin: str = Field(description="Name of the installed plug-in.")
    config: dict[str, Any] = Field(
        default_factory=dict, description="Its own options; see the reference of the plug-in."
    )


class Settings(BaseSettings):
    """All settings. Each can stand in ``settings.toml`` in the home or in the environment as ``DSP_<NAME>``."""

    model_config = SettingsConfigDict(env_prefix="DSP_", env_nested_delimiter="__", extra="ignore", frozen=True)

    home: Path = Field(
        default_factory=default_home, description="Folder of all that is kept: records, store, runs, specs."
    )
    user: str = Field(default="", description="Name written on runs and versions. Empty: the login name.")
    records: PluginChoice = Field(
        default=PluginChoice(plugin="sqlite"),
        description="Where documents (runs, models, versions) are kept.",
    )
    store: PluginChoice = Field(default=PluginChoice(plugin="local"), description="Where artifacts are kept.")
    engine: str = Field(default="process", description="Where a run is started when nothing else is asked for.")
    specs_remote: str = Field(
        default="", description="Git URL that exported Specs are pushed to. Empty: only the local repository."
    )
    max_notebook_bytes: int = Field(
        default=64 * 2**20, gt=0, description="Largest notebook, in bytes, that a request may carry."
    )
    keep_log_bytes: int = Field(
        default=32 * 2**20,
        gt=0,
        description="Bytes of a run's output that are kept; the middle of a longer one is cut.",
    )
    watch_interval_s: float = Field(
        default=0.5,
        gt=0.05,
        description="Seconds between two looks of the server for changes made by other processes.",
    )

    @field_validator("home")
    @classmethod
    def _home_is_absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()  # a job has another working folder

    def environment(self) -> dict[str, str]:
        """Environment variables from which another process makes the same settings."""
        chosen = self.model_dump(mode="json", exclude_defaults=True) | {"home": str(self.home)}
        return {
            f"DSP_{name.upper()}": json.dumps(value) if isinstance(value, dict) else str(value)
            for name, value in chosen.items()
        }

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        file = Path(os.environ.get("DSP_SETTINGS") or default_home() / "settings.toml")
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=file)
