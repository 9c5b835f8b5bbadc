"""Find the documents behind the inputs of a run: files, folders, globs, manifests, archives.

    discover(["scans", "data/**/2024-*.pdf", "more.txt", "old.zip"], settings)

Found in folders, globs and archives: what ends in .pdf, .png, .jpg, .jpeg, .tif or .tiff (in any case), one source a
file however many pages it has. Files with other endings are counted (`Discovery.skipped`), and so are hidden ones: a
name that begins with a dot, as `.Trash` and the `._x.pdf` of macOS archives. Archives that cannot be read, folders that
cannot be listed, links to nothing and archives of other kinds are sources with a `reason`. A file that is named is
taken whatever its ending, hidden or not. Links are followed, to a folder only if that is none that the link lies in.

A manifest (manifests.py) names anything but another manifest, relative to itself; a name that leads nowhere is a source
with a `reason`. A member of an archive can be named by its URI, so the `source` column of an output is a manifest too.
"""

# Paths are str from scandir to Source: pathlib would be slow over millions of files, and resolves links with its dots.
# ruff: noqa: PTH100, PTH110, PTH112, PTH113, PTH116, PTH118, PTH120

import errno
import hashlib
import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from itertools import chain

from configs.settings import InputSettings
from pipeline.archives import (
    ARCHIVE_ENDINGS,
    UNREAD_ARCHIVE_ENDINGS,
    file_version,
    joined_uri,
    member_at,
    members,
    one_line,
    original,
    split_uri,
)
from pipeline.errors import InputError, PageError, UsageError
from pipeline.manifests import MANIFEST_ENDINGS, open_manifest
from pipeline.records import Reason, Source

DOCUMENT_ENDINGS = (".pdf", ".png", ".jpg", ".jpeg", ".tif", ".tiff")
_REMOTE = re.compile(r"(?i)[a-z][a-z0-9+.-]*://")
_ABSENT = "absent"  # the version of what is not there


@dataclass(slots=True)
class Skipped:
    """Files that were found and passed over."""

    other_endings: int = 0
    hidden: int = 0  # files and folders; what such a folder holds is not counted
    excluded: int = 0  # files, folders and archives, by the settings
    repeated: int = 0  # reached by two inputs, or named twice


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder that is being gone through."""

    identity: tuple[int, int]  # device and inode
    entries: Iterator["os.DirEntry[str]"]  # by name
    whole: bool = True  # everything in it is asked for; else what the glob matches


@dataclass(frozen=True, slots=True)
class _Glob:
    """A glob of the settings: for paths below the input, from any folder on; after a slash, for absolute paths."""

    absolute: bool
    parts: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> "_Glob":
        absolute = text.startswith("/")
        return cls(absolute, (*(() if absolute else ("**",)), *_parts(text), "**"))  # the last: and all that lies below

    def matches(self, path: str, root: str, member: str) -> bool:
        """Whether the path matches, or a folder or archive above it; `root` is the input's part of it."""
        below = path if self.absolute else path[len(root) :]
        return _matches(_parts(f"{below}/{member}"), self.parts)


def discover(inputs: Sequence[str], settings: InputSettings) -> "Discovery":
    """The sources behind the inputs.

    Raises:
        InputError: an input is not there or cannot be listed, or a glob matches nothing.
        UsageError: an input is not on this machine.
    """
    return Discovery(inputs, settings)


class Discovery(Iterator[Source]):
    """The sources behind some inputs, found as they are taken; `skipped` counts up on the way.

    Within a folder they come by name, within a manifest or archive in its order. No URI comes twice.
    """

    def __init__(self, inputs: Sequence[str], settings: InputSettings) -> None:
        self.skipped = Skipped()
        self._settings = settings
        self._include = [_Glob.parse(text) for text in settings.include]
        self._exclude = [_Glob.parse(text) for text in settings.exclude]
        # One folder or archive cannot repeat itself; else about 100 bytes are remembered for each source.
        repeats = len(inputs) > 1 or any(name.lower().endswith(MANIFEST_ENDINGS) for name in inputs)
        self._seen: set[bytes] | None = set() if repeats else None
        self._sources = chain.from_iterable([self._named(name) for name in inputs])

    def __next__(self) -> Source:
        while not self._is_new(source := next(self._sources)):
            pass
        return source

    def _is_new(self, source: Source) -> bool:
        if self._seen is None:
            return True
        key = hashlib.blake2b(source.uri.encode(), digest_size=16).digest()
        if key in self._seen:
            self.skipped.repeated += 1
            return False
        self._seen.add(key)
        return True

    def _excluded(self, path: str, root: str, member: str = "") -> bool:
        excluded = any(glob.matches(path, root, member) for glob in self._exclude)
        self.skipped.excluded += excluded
        return excluded

    def _chosen(self, source: Source, root: str) -> bool:
        """Whether the settings ask for this source; what cannot be read is told even if no glob includes it."""
        member = source.member or ""
        if source.reason or not self._include or any(glob.matches(source.path, root, member) for glob in self._include):
            return not self._excluded(source.path, root, member)
        self.skipped.excluded += 1
        return False

    def _named(self, name: str, *, manifests: bool = True) -> Iterator[Source]:
        """The sources behind one input. What is wrong with the input itself is said now, not when they are taken."""
        if _REMOTE.match(name):
            raise UsageError(f"{one_line(name)}: buckets and web addresses are not supported by this version")
        path = _absolute(name)
        if not os.path.lexists(path) and "\\x" in name:
            path = _absolute(original(name))
        if os.path.isdir(path):
            return self._walk(_listed(path), path)
        if manifests and path.lower().endswith(MANIFEST_ENDINGS) and os.path.isfile(path):
            return self._manifest(path)
        if os.path.exists(path):
            return self._file(path, os.path.dirname(path), named=True)
        return self._elsewhere(name, path)

    def _elsewhere(self, name: str, path: str) -> Iterator[Source]:
        """The sources behind an input that is no path: a member of an archive, or a glob."""
        where = split_uri(name)
        if where is not None and os.path.isfile(archive := _absolute(where.archive)):
            try:
                source = member_at(archive, where.member, where.ordinal, self._settings)
                return iter([source] if self._chosen(source, os.path.dirname(archive)) else [])
            except PageError as error:
                raise InputError(f"{joined_uri(replace(where, archive=archive))}: {error}") from error
        if not _is_glob(path):
            raise InputError(f"{one_line(name)}: there is no such file or folder (looked for {one_line(path)})")
        root, pattern = _split_glob(path)
        found = self._walk(replace(_listed(root), whole=False), root, pattern)
        first = next(found, None)
        if first is None:
            raise InputError(
                f"{one_line(name)}: this glob matches no folder, document or archive below {one_line(root)}"
            )
        return chain([first], found)

    def _walk(self, folder: _Folder, root: str, pattern: tuple[str, ...] = ()) -> Iterator[Source]:
        """The sources below a folder: all, or those that match the pattern, or lie in a folder that does."""
        above = [folder]
        while above:
            entry = next(above[-1].entries, None)
            if entry is None:
                above.pop()
                continue
            parts = _parts(entry.path[len(root) :])
            whole = above[-1].whole or _matches(parts, pattern)
            if not whole and not _reaches(parts, pattern):
                continue
            if entry.name.startswith("."):
                self.skipped.hidden += 1
                continue
            try:
                if not _is_folder(entry):
                    yield from self._file(entry.path, root) if whole else ()
                elif (below := self._below(entry.path, root, above, whole=whole)) is not None:
                    above.append(below)
            except InputError as error:
                yield _unreadable(entry.path, str(error))

    def _below(self, path: str, root: str, above: list[_Folder], *, whole: bool) -> _Folder | None:
        """The folder at that path, unless it is excluded, or a link back to a folder that it lies in."""
        if self._excluded(path, root):
            return None
        folder = replace(_listed(path), whole=whole)
        return None if folder.identity in [higher.identity for higher in above] else folder

    def _file(self, path: str, root: str, *, named: bool = False) -> Iterator[Source]:
        """The sources that a file is or holds; none if its ending is another and nobody named it."""
        ending = path.lower()
        if not named and not ending.endswith((*DOCUMENT_ENDINGS, *ARCHIVE_ENDINGS, *UNREAD_ARCHIVE_ENDINGS)):
            self.skipped.other_endings += 1
            return
        source = _source_at(path)
        if source.reason is None and ending.endswith(ARCHIVE_ENDINGS):
            if not self._excluded(path, root):
                yield from self._members(source, root)
        elif self._chosen(source, root):
            yield source

    def _members(self, archive: Source, root: str) -> Iterator[Source]:
        try:
            for source in members(archive.path, self._settings):
                yield from self._member(source, root)
        except PageError as error:
            yield replace(archive, reason=error.reason, detail=error.detail)

    def _member(self, source: Source, root: str) -> Iterator[Source]:
        name = (source.member or "").lower()
        if any(part.startswith(".") for part in _parts(name)):
            self.skipped.hidden += 1
            return
        if name.endswith((*ARCHIVE_ENDINGS, *UNREAD_ARCHIVE_ENDINGS)):
            detail = "an archive inside an archive; unpack the outer one"
            source = replace(source, reason=Reason.UNSUPPORTED_TYPE, detail=detail)
        elif not name.endswith(DOCUMENT_ENDINGS):
            self.skipped.other_endings += 1
            return
        if self._chosen(source, root):
            yield source

    def _manifest(self, path: str) -> Iterator[Source]:
        try:
            names = open_manifest(path)
        except InputError as error:
            raise InputError(f"{one_line(path)}: {error}") from error
        return self._listed_in(path, names)

    def _listed_in(self, manifest: str, names: Iterator[str]) -> Iterator[Source]:
        """The sources that a manifest names; a source with a reason for each name that leads nowhere."""
        try:
            for name in names:
                where = name if _REMOTE.match(name) else os.path.join(os.path.dirname(manifest), name)
                try:
                    found = self._named(where, manifests=False)
                except (InputError, UsageError) as error:
                    found = iter([_unreadable(where, str(error))])
                yield from found
        except InputError as error:
            yield _unreadable(manifest, f"{one_line(manifest)}: {error}")


def _listed(path: str) -> _Folder:
    """A folder and its entries.

    Raises:
        InputError: it cannot be listed.
    """
    try:
        status = os.stat(path)
        with os.scandir(path) as entries:
            ordered = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise InputError(f"{one_line(path)}: this folder cannot be listed: {error.strerror}") from error
    return _Folder((status.st_dev, status.st_ino), iter(ordered))


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    """Whether the entry is a folder or leads to one; a link that leads nowhere does not."""
    try:
        return entry.is_dir()
    except OSError as error:
        if error.errno == errno.ELOOP:
            return False
        raise InputError(f"{one_line(entry.path)}: {error.strerror}") from error


def _unreadable(path: str, detail: str) -> Source:
    if _REMOTE.match(path):
        return Source(one_line(path), _ABSENT, 0, path, reason=Reason.UNREADABLE, detail=detail)
    where = None if os.path.lexists(path) else split_uri(path)
    if where is not None:
        where = replace(where, archive=_absolute(where.archive))
        return Source(joined_uri(where), _ABSENT, 0, where.archive, where.member, Reason.UNREADABLE, detail)
    return Source(one_line(_absolute(path)), _ABSENT, 0, _absolute(path), reason=Reason.UNREADABLE, detail=detail)


def _source_at(path: str) -> Source:
    """The source that a file is; with a reason if it is known that it cannot be read."""
    try:
        status = os.stat(path)
    except OSError as error:
        return _unreadable(path, f"{one_line(path)}: {error.strerror}")
    source = Source(one_line(path), file_version(status), status.st_size, path)
    if not stat.S_ISREG(status.st_mode):
        return replace(source, reason=Reason.UNSUPPORTED_TYPE, detail="not a regular file")
    if path.lower().endswith(UNREAD_ARCHIVE_ENDINGS):
        return replace(
            source, reason=Reason.UNSUPPORTED_TYPE, detail="an archive of a kind that is not read; unpack it"
        )
    return source


def _absolute(name: str) -> str:
    """The absolute path without `.` and `..`; links in it stay as they are, unless a `..` follows one."""
    path = "/" + os.path.abspath(name).lstrip("/")
    if ".." not in name or "\0" in name:
        return path
    real = os.path.realpath(name)
    return path if os.path.realpath(path) == real else real


def _parts(path: str) -> tuple[str, ...]:
    return tuple(part for part in path.split("/") if part not in {"", ".", ".."})


def _matches(parts: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    """Whether the parts of a path match those of a glob, where `**` is any number of parts."""
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(_matches(parts[skip:], pattern[1:]) for skip in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])


def _reaches(parts: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    """Whether something below the path could match the glob."""
    if not parts or not pattern:
        return bool(pattern)
    if pattern[0] == "**":
        return True
    return fnmatchcase(parts[0], pattern[0]) and _reaches(parts[1:], pattern[1:])


def _is_glob(path: str) -> bool:
    return any(sign in path for sign in "*?[")


def _split_glob(path: str) -> tuple[str, tuple[str, ...]]:
    """The folder under which a glob is looked for, and its remaining parts."""
    parts = path.split("/")
    fixed = next(number for number, part in enumerate(parts) if _is_glob(part))
    return "/".join(parts[:fixed]) or "/", tuple(parts[fixed:])
