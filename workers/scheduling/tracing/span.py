"""The spans of a run, and what takes them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

Attributes = Mapping[str, str | int | Sequence[str]]


@dataclass(frozen=True, slots=True)
class Subject:
    """A page, a document or a write: the subject of spans."""

    name: str
    attributes: Attributes = field(default_factory=dict)
    error: str | None = None  # the reason if it failed


class Span(NamedTuple):
    """A time that a subject waited, or was worked on. Times are Unix times of the machine where it happened."""

    name: str
    began: float
    ended: float
    track: str | None = None  # the workers; None for a wait
    thread: int | None = None  # of the worker; None if it works on several at a time


class SpanWriter(Protocol):
    """Something that spans go to. Any thread may call it."""

    def write(self, subject: Subject, spans: Sequence[Span]) -> None:
        """Take spans of a subject, in their order; what goes wrong is logged, and ends no run."""

    def close(self) -> None:
        """Take no more."""
