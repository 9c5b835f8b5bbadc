"""What every section of the settings has in common."""

from typing import Any

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """What all sections have in common."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)


def performance() -> dict[str, Any]:
    """Mark a field that changes how fast rows come, never what is in them."""
    return {"affects_rows": False}
