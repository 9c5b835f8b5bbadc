"""A step of the build: puts what the links of `ocrmill/` lead to into the wheel, whether they are links or not."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

LINKS = ("cli.py", "commands", "configs", "model_adapter", "pipeline", "workers")


class FollowLinks(BuildHookInterface):  # type: ignore[type-arg]
    """The class whose method hatchling calls before it builds a wheel."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Fill a wheel; refuse an editable one without links, which would install and not import."""
        if version != "editable":
            build_data["force_include"].update({name: f"ocrmill/{name}" for name in LINKS})
            return
        root = Path(self.root)
        broken = [name for name in LINKS if (root / "ocrmill" / name).resolve() != (root / name).resolve()]
        if broken:
            raise SystemExit(
                f"an editable install of ocrmill needs symbolic links, and ocrmill/{broken[0]} is none: clone the "
                "repository with git on a file system that has links (git config core.symlinks true), or install it "
                "without --editable"
            )
