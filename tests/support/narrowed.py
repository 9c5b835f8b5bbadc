"""Narrow the type of a value, where a test knows which case it made; another case fails the test there."""

from typing import TypeVar

T = TypeVar("T")


def present(value: T | None) -> T:
    """Return a value that must not be None."""
    assert value is not None
    return value


def instance(kind: type[T], value: object) -> T:
    """Return a value that must be of this class."""
    assert isinstance(value, kind), value
    return value
