"""Errors of a run, as one tree.

    OcrmillError
    |- SettingsError        the settings are wrong (configs/errors.py)     exit 2
    |- UsageError           the command is wrong                           exit 2
    |  `- MissingPackageError  it needs a package that is optional         exit 2
    |- InputError           an input that was named cannot be listed       exit 2
    |- OutputError          the output folder cannot be written or read    exit 1
    |  |- LeaseHeldError    another run is writing there                   exit 1
    |  |- LeaseLostError    another run took the output over               exit 1
    |  |- FileGoneError     a shard was merged or withdrawn meanwhile      exit 1
    |  `- SettingsMismatchError  it was made with other settings           exit 2
    |- EngineError          no engine can be started, or it stays down     exit 1
    |- StoppedEarlyError    a signal or the time budget ended its start   exit 75
    |- TooManyFailuresError most of what is read fails, for one reason     exit 1
    |- BucketError          a bucket does not do what it is asked, or      exit 1
    |                       has none of that name (bucket.py)
    |- WebError             a web server does not either (http.py)          becomes a row
    |- MetadataError        a cloud says nothing (scheduling/preemption.py)  becomes a log line
    `- PageError            one page or document, with its `Reason`; becomes a row, never ends a run

`model_adapter` has a tree of its own (model_adapter/errors.py). All can be pickled, so that workers can raise them.

A bad page or document travels as a value (`Failure` and its kin in records.py), and so does an engine that died.
`PageError` is raised only inside the rooms that touch foreign bytes: pipeline/sources, pipeline/pages and
workers/rendering. The function at the border of the room catches it and returns the value.
"""

from ocrmill.configs.errors import OcrmillError, SettingsError
from ocrmill.pipeline.records import Failure, Reason

__all__ = [
    "EngineError",
    "FileGoneError",
    "InputError",
    "LeaseHeldError",
    "LeaseLostError",
    "MissingPackageError",
    "OcrmillError",
    "OutputError",
    "PageError",
    "SettingsError",
    "SettingsMismatchError",
    "StoppedEarlyError",
    "TooManyFailuresError",
    "UsageError",
]


class UsageError(OcrmillError):
    """The command or an argument is wrong."""

    exit_code = 2


class MissingPackageError(UsageError, ImportError):
    """An optional package is not installed; the text says which, and how to install it."""


class InputError(OcrmillError):
    """An input named on the command line cannot be listed."""

    exit_code = 2


class OutputError(OcrmillError):
    """The output cannot be written or read; `transient` if the same command may work later."""

    def __init__(self, message: str, *, transient: bool = False) -> None:
        super().__init__(message)
        self.transient = transient


class LeaseHeldError(OutputError):
    """Another run holds the lease of this output."""


class LeaseLostError(OutputError):
    """Another run took this output over: this one must not write to it any more."""


class FileGoneError(OutputError):
    """A file of the output disappeared between listing and reading; another listing has its successor."""


class SettingsMismatchError(OutputError):
    """The output was made with settings that give other rows."""

    exit_code = 2


class EngineError(OcrmillError):
    """No engine or renderer can be started, or it does not stay up."""


class StoppedEarlyError(OcrmillError):
    """The run was stopped before its workers were up: nothing was read, and the same command continues."""

    exit_code = 75


class TooManyFailuresError(OcrmillError):
    """Most of what is read fails for one reason, and that reason is not in the documents."""


class PageError(OcrmillError):
    """One page or document cannot be read; `reason` goes into its row, the text into `detail`."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason, detail)  # both, so that it can be pickled
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return self.detail

    def to_failure(self) -> Failure:
        """Return the same as a value."""
        return Failure(self.reason, self.detail)
