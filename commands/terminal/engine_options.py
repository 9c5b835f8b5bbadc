"""The options of each command that reads pages, once for all of them."""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ocrmill.commands.terminal.chosen_settings import settings_of_options
from ocrmill.commands.terminal.options import (
    Configs,
    Engine,
    Lora,
    Model,
    NoRay,
    ProfileName,
    PromptName,
    RayAddress,
    Route,
    Sets,
    Urls,
    Workers,
)

if TYPE_CHECKING:
    from ocrmill.configs.settings import RunSettings


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """Options of the reader of pages, and of its workers."""

    configs: Configs = None
    sets: Sets = None
    engine: Engine = None
    model: Model = None
    urls: Urls = None
    profile: ProfileName = None
    prompt: PromptName = None
    lora: Lora = None
    route: Route = None
    workers: Workers = None
    ray_address: RayAddress = None
    no_ray: NoRay = False

    def settings(self, **more: Any) -> "RunSettings":
        """Load the settings that these options choose, and `more` options that a command has itself.

        Raises:
            SettingsError: a file or a value that is no setting, or options that contradict each other.
        """
        return settings_of_options(**asdict(self), **more)


NONE_GIVEN = EngineOptions()


def takes_engine_options(command: Callable[..., None]) -> Callable[..., None]:
    """Put the options in the place of the command's parameter `reading`, of the type `EngineOptions`."""
    options = inspect.signature(EngineOptions).parameters

    def parameters() -> Iterator[inspect.Parameter]:
        for parameter in inspect.signature(command).parameters.values():
            if parameter.annotation is EngineOptions:
                yield from options.values()
            else:
                yield parameter

    def call(**given: Any) -> None:
        reading = EngineOptions(**{name: given.pop(name) for name in options})
        command(reading=reading, **given)

    taken = list(parameters())
    call.__name__, call.__doc__ = command.__name__, command.__doc__
    call.__annotations__ = {each.name: each.annotation for each in taken}
    call.__signature__ = inspect.Signature(taken)  # type: ignore[attr-defined]
    return call
