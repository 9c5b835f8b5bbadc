"""Globs over paths and keys: `*`, `?` and `[...]` within a part, `**` for any number of parts."""

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase

_ABSOLUTE = re.compile(r"(?i)/|[a-z][a-z0-9+.-]*://")


@dataclass(frozen=True, slots=True)
class ChoosingGlob:
    """A glob of the settings. It matches paths below the input, from any folder on; or whole paths and URLs."""

    absolute: bool
    parts: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> "ChoosingGlob":
        """Parse a glob; one that begins with a slash, or as a URL, is for whole paths."""
        absolute = _ABSOLUTE.match(text) is not None
        below = "**"  # and everything below a match
        return cls(absolute, (*(() if absolute else ("**",)), *parts_of(text), below))

    def matches(self, path: str, root: str, member: str) -> bool:
        """Tell if the path matches, or a folder or archive above it; `root` is the input's part of it."""
        below = path if self.absolute else path[len(root) :]
        return matches(parts_of(f"{below}/{member}"), self.parts)


def parts_of(path: str) -> tuple[str, ...]:
    """Split a path or key into its parts, without empty ones, `.` and `..`."""
    return tuple(part for part in path.split("/") if part not in {"", ".", ".."})


def matches(parts: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    """Tell if the parts of a path match those of a glob, where `**` is any number of parts.

    Takes at most the product of both lengths in steps: names in an archive may have ten thousand parts.
    """
    reached = _reached(0, pattern)  # numbers of pattern parts that may have been matched
    for part in parts:
        over = {at for at in reached if at < len(pattern) and pattern[at] == "**"}
        beyond = [at + 1 for at in reached - over if at < len(pattern) and fnmatchcase(part, pattern[at])]
        reached = over.union(*(_reached(at, pattern) for at in beyond), *(_reached(at, pattern) for at in over))
    return len(pattern) in reached


def _reached(at: int, pattern: tuple[str, ...]) -> set[int]:
    """Return this position in the pattern and those after `**` there, which may match no part."""
    reached = {at}
    while at < len(pattern) and pattern[at] == "**":
        at += 1
        reached.add(at)
    return reached


def reaches(parts: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    """Tell if something below the path could match the glob."""
    if not parts or not pattern:
        return bool(pattern)
    if pattern[0] == "**":
        return True
    return fnmatchcase(parts[0], pattern[0]) and reaches(parts[1:], pattern[1:])


def is_glob(path: str) -> bool:
    """Tell if a path has a character of a glob; the name of a file may have one, too."""
    return any(sign in path for sign in "*?[")


def split_glob(path: str) -> tuple[str, tuple[str, ...]]:
    """Split a glob into the folder to search and its remaining parts."""
    parts = path.split("/")
    fixed = next(number for number, part in enumerate(parts) if is_glob(part))
    return "/".join(parts[:fixed]) or "/", tuple(parts[fixed:])
