"""What can go wrong with a run, as one tree.

    OcrmillError
    |- UsageError           the command or the settings are wrong          exit 2
    |- InputError           an input that was named cannot be listed       exit 2
    |- OutputError          the output folder cannot be written or read    exit 1
    |  |- LeaseHeldError    another run is writing there                   exit 1
    |  |- LeaseLostError    another run took the output over               exit 1
    |  |- FileGoneError     a shard was merged or withdrawn meanwhile      exit 1
    |  `- SettingsMismatchError  it was made with other settings           exit 2
    |- EngineError          no engine can be had, or it stays down         exit 1
    |  `- EngineDownError   one engine died; it is started again
    |- StoppedEarlyError    a signal or the time budget ended its start   exit 75
    |- TooManyFailuresError most of what is read fails, for one reason     exit 1
    |- BucketError          a bucket does not do what it is asked, or      exit 1
    |                       has none of that name (bucket.py)
    |- WebError             a web server does not either (http.py)          becomes a row
    `- PageError            one page or document, with its `Reason`; becomes a row, never ends a run

A bad page or document is a value with a `Reason` (records.py), not an exception that travels: `PageError` is caught
by the worker that read the page.
"""

from ocrmill.pipeline.records import Reason


class OcrmillError(Exception):
    """Something a person has to act on; its text says what happened, to what, and what to do next."""

    exit_code = 1


class UsageError(OcrmillError):
    """The command or the settings are wrong."""

    exit_code = 2


class InputError(OcrmillError):
    """An input named on the command line cannot be listed."""

    exit_code = 2


class OutputError(OcrmillError):
    """The output cannot be written or read; `transient` if it may work later without anybody changing the command."""

    def __init__(self, message: str, *, transient: bool = False) -> None:
        super().__init__(message)
        self.transient = transient


class LeaseHeldError(OutputError):
    """Another run holds the lease of this output."""


class LeaseLostError(OutputError):
    """Another run took this output over: nothing may be written to it any more."""


class FileGoneError(OutputError):
    """A file of the output went away between the listing and its reading; to list again is to find its successor."""


class SettingsMismatchError(OutputError):
    """The output was made with settings that give other rows."""

    exit_code = 2


class EngineError(OcrmillError):
    """No engine can be started, or it does not stay up."""


class EngineDownError(EngineError):
    """An engine died with the pages that it had; they are tried again on the next one, or on itself once it is up."""

    def __init__(self, detail: str, out_of_memory: bool = False) -> None:  # positional, so that it can be pickled
        super().__init__(detail, out_of_memory)
        self.detail = detail
        self.out_of_memory = out_of_memory

    def __str__(self) -> str:
        return self.detail


class StoppedEarlyError(OcrmillError):
    """The run was to stop before its workers were up: nothing was read, and the same command goes on."""

    exit_code = 75


class TooManyFailuresError(OcrmillError):
    """Most of what is read fails for one reason, and that reason is not in the documents."""


class PageError(OcrmillError):
    """One page or document cannot be read; `reason` goes into its row, the text into `detail`."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
