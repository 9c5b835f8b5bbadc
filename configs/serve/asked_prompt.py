"""The prompt that a client of the service wants for one document, in place of the one in the settings."""

from ocrmill.configs.contradictions import contradictions
from ocrmill.configs.engine_settings import EngineSettings
from ocrmill.configs.errors import SettingsError
from ocrmill.configs.profiles.prompt import prompt_in_words, sendable
from ocrmill.configs.settings import RunSettings


def with_prompt(settings: RunSettings, prompt: str) -> RunSettings:
    """Return the settings by which a document is read with this prompt: a name or a text, never a file.

    Raises:
        SettingsError: the engine takes no prompt, or not this one.
    """
    try:
        changed = _asked(settings.engine, prompt)
    except ValueError as error:
        raise SettingsError(str(error)) from error
    wanted = settings.model_copy(update={"engine": changed})
    if found := contradictions(wanted):
        raise SettingsError(found[0])
    return wanted


def _asked(engine: EngineSettings, prompt: str) -> EngineSettings:
    if engine.name == "endpoint":
        return engine.model_copy(update={"endpoint": engine.endpoint.model_copy(update={"prompt": sendable(prompt)})})
    model = engine.deepseek
    if model is None:
        raise SettingsError(f"the engine {engine.name} takes no prompt")
    section = model.section.rpartition(".")[2]
    return engine.model_copy(update={section: model.model_copy(update={"prompt": prompt_in_words(prompt)})})
