"""The settings of an engine that has no section in configs."""

from typing import TypeVar

from pydantic import ValidationError

from ocrmill.configs.engine_settings import EngineSettings
from ocrmill.configs.section import Settings
from ocrmill.pipeline.errors import UsageError

OwnSettings = TypeVar("OwnSettings", bound=Settings)


def own_settings(settings: EngineSettings, schema: type[OwnSettings]) -> OwnSettings:
    """Parse `engine.options` by the schema of an engine that has no section in configs.

    Raises:
        UsageError: an option is unknown, or its value does not fit.
    """
    pairs = (option.partition("=") for option in settings.options)
    try:
        return schema.model_validate({name.strip(): value.strip() for name, _, value in pairs})
    except ValidationError as error:
        found = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise UsageError(f"engine.options of {settings.name}: {found}") from error
