"""The root of our errors, and what is wrong with settings. pipeline/errors.py has the whole tree."""


class OcrmillError(Exception):
    """Something a person has to act on; its text says what happened, to what, and what to do next."""

    exit_code = 1


class SettingsError(OcrmillError, ValueError):
    """Settings that cannot be used; the text names where they stand, the key, and what is wrong."""

    exit_code = 2  # wrong usage


def words_of(error: Exception) -> str:
    """Return what an error says; of the system's only its words, as messages name the file themselves."""
    return str(getattr(error, "strerror", None) or error)
