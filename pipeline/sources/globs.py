"""Globs over paths and keys: `*`, `?` and `[...]` within a part, `**` for any number of parts."""

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase

_ABSOLUTE = re.compile(r"(?i)/|[a-z][a-z0-9+.-]*://")


@dataclass(frozen=True, slots=True)
class ChoosingGlob:
    """A glob of the settings: for paths below the input, from any folder on; or for whole paths and URLs."""

    absolute: bool
    parts: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> "ChoosingGlob":
        """The glob that is written so: after a slash, or as a URL, it is for whole paths."""
        absolute = _ABSOLUTE.match(text) is not None
        below = "**"  # and all that lies in what matches
        return cls(absolute, (*(() if absolute else ("**",)), *parts_of(text), below))

    def matches(self, path: str, root: str, member: str) -> bool:
        """Tell if the path matches, or a folder or archive above it; `root` is the input's part of it."""
        below = path if self.absolute else path[len(root) :]
        return matches(parts_of(f"{below}/{member}"), self.parts)


def parts_of(path: str) -> tuple[str, ...]:
    """The parts of a path or key that name something: an empty one, `.` and `..` do not."""
    return tuple(part for part in path.split("/") if part not in {"", ".", ".."})


def matches(parts: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    """Tell if the parts of a path match those of a glob, where `**` is any number of parts.

    Takes as many steps as both are long together, multiplied: names in an archive may have ten thousand parts.
    """
    reached = _reached(0, pattern)  # how many parts of the pattern may be behind us
    for part in parts:
        over = {at for at in reached if at < len(pattern) and pattern[at] == "**"}
        beyond = [at + 1 for at in reached - over if at < len(pattern) and fnmatchcase(part, pattern[at])]
        reached = over.union(*(_reached(at, pattern) for at in beyond), *(_reached(at, pattern) for at in over))
    return len(pattern) in reached


def _reached(at: int, pattern: tuple[str, ...]) -> set[int]:
    """Yield that place in the pattern, and those behind the `**` there, which may match no part at all."""
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
    """Tell if a path has a sign of a glob; a file may be called so, too."""
    return any(sign in path for sign in "*?[")


def split_glob(path: str) -> tuple[str, tuple[str, ...]]:
    """The folder under which a glob is looked for, and its remaining parts."""
    parts = path.split("/")
    fixed = next(number for number, part in enumerate(parts) if is_glob(part))
    return "/".join(parts[:fixed]) or "/", tuple(parts[fixed:])
