"""Find the documents behind the inputs of a run: files, folders, globs, manifests, archives, buckets, web addresses.

    Discovery(["scans", "data/**/2024-*.pdf", "more.txt", "s3://papers/2024"], settings.input, settings.storage)

Found in folders, globs and archives: what ends in .pdf or as an image (document_types.py), in any case, one source a
file however many pages it has. Files with other endings are counted (`Discovery.skipped`), and so are hidden ones: a
name that begins with a dot, as `.Trash` and the `._x.pdf` of macOS archives. In a WARC file the type of a record counts
and not its name (warc.py). Archives that cannot be read, folders that cannot be listed, links to nothing and archives
of other kinds are sources with a `reason`. A file that is named is taken whatever its ending, hidden or not. Links are
followed, to a folder only if that is none that the link lies in.

In a bucket, `s3://papers/2024` is the object of that key, or else all keys that begin with `2024/`. The web has no
folders: `https://` names one file.

A manifest (manifests.py) names anything but another manifest, relative to itself; a name that leads nowhere is a source
with a `reason`. A member of an archive can be named by its URI, so the `source` column of an output is a manifest too.
"""

# Paths are str from scandir to Source: pathlib would be slow over millions of files, and resolves links with its dots.
# ruff: noqa: PTH110, PTH112, PTH113, PTH118, PTH120

import hashlib
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path

from ocrmill.configs.settings import InputSettings, StorageSettings
from ocrmill.pipeline.buckets.bucket import BucketError, BucketErrorCode, BucketUrl
from ocrmill.pipeline.buckets.connect import check_bucket, fail_fast
from ocrmill.pipeline.document_types import DOCUMENT_ENDINGS
from ocrmill.pipeline.errors import InputError, PageError, UsageError
from ocrmill.pipeline.records import Reason, Source
from ocrmill.pipeline.redaction import redacted
from ocrmill.pipeline.sources.archives.members import (
    ARCHIVE_ENDINGS,
    UNREAD_ARCHIVE_ENDINGS,
    member_at,
    members,
)
from ocrmill.pipeline.sources.bucket_listing import listed
from ocrmill.pipeline.sources.fetch import fetch
from ocrmill.pipeline.sources.folder import Folder, is_folder, list_folder
from ocrmill.pipeline.sources.globs import ChoosingGlob, is_glob, matches, parts_of, reaches, split_glob
from ocrmill.pipeline.sources.manifests import MANIFEST_ENDINGS, named_by, open_manifest
from ocrmill.pipeline.sources.named import URL, absolute, source_at, unreadable, uri_of
from ocrmill.pipeline.sources.prefetch import in_order
from ocrmill.pipeline.sources.remote import is_remote, look_up, shown
from ocrmill.pipeline.sources.uri import joined_uri, one_line, original, split_uri


@dataclass(slots=True)
class Skipped:
    """Files that were found and passed over."""

    other_endings: int = 0
    hidden: int = 0  # files and folders; what such a folder holds is not counted
    excluded: int = 0  # files, folders and archives, by the settings
    repeated: int = 0  # reached by two inputs, or named twice


class Discovery(Iterator[Source]):
    """The sources behind some inputs, found as they are taken; `skipped` and `listed` grow on the way.

    `listed` has the URI of each folder, archive, manifest and prefix of a bucket that was read to its end.

    Within a folder or bucket they come by name, within a manifest or archive in its order. No URI comes twice.

    Raises:
        InputError: an input is not there or cannot be listed, or a glob matches nothing.
        UsageError: an input is a URL of a kind that is not read.
    """

    def __init__(self, inputs: Sequence[str], settings: InputSettings, storage: StorageSettings) -> None:
        self.skipped = Skipped()
        self.listed: set[str] = set()
        self._settings = settings
        self._storage = storage
        self._include = [ChoosingGlob.parse(text) for text in settings.include]
        self._exclude = [ChoosingGlob.parse(text) for text in settings.exclude]
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
        """Tell if the settings ask for this source; an unreadable one is reported even if no glob includes it."""
        member = source.member or ""
        if source.reason or not self._include or any(glob.matches(source.path, root, member) for glob in self._include):
            return not self._excluded(source.path, root, member)
        self.skipped.excluded += 1
        return False

    def _named(self, name: str, *, in_manifest: bool = False) -> Iterator[Source]:
        """The sources behind one input. What is wrong with the input itself is said now, not when they are taken."""
        if not name:
            raise UsageError("an input has no name; is a variable empty?")
        if is_remote(name):
            return self._elsewhere(name, in_manifest=in_manifest)
        if URL.match(name):
            raise UsageError(f"{one_line(redacted(name))}: of URLs, those of s3, gs, az, http and https are read")
        path = absolute(name)
        if not os.path.lexists(path) and "\\x" in name:
            path = absolute(original(name))
        if os.path.isdir(path):
            return self._walk(self._list(path), path)
        if not in_manifest and path.lower().endswith(MANIFEST_ENDINGS) and os.path.isfile(path):
            return self._manifest(path)
        if os.path.exists(path):
            return self._file(source_at(path), os.path.dirname(path), named=True)
        return self._in_part(name, path)

    def _in_part(self, name: str, path: str) -> Iterator[Source]:
        """The sources behind an input that is no path: a member of an archive, or a glob."""
        where = split_uri(name)
        if where is not None and os.path.isfile(archive := absolute(where.archive)):
            try:
                source = member_at(archive, where.member, where.ordinal, self._settings, self._storage)
                return iter([source] if self._chosen(source, os.path.dirname(archive)) else [])
            except PageError as error:
                raise InputError(f"{joined_uri(replace(where, archive=archive))}: {error}") from error
        if not is_glob(path):
            raise InputError(f"{one_line(name)}: there is no such file or folder (looked for {one_line(path)})")
        root, pattern = split_glob(path)
        found = self._walk(replace(self._list(root), whole=False), root, pattern)
        first = next(found, None)
        if first is None:
            raise InputError(
                f"{one_line(name)}: this glob matches no folder, document or archive below {one_line(root)}"
            )
        return chain([first], found)

    def _walk(self, folder: Folder, root: str, pattern: tuple[str, ...] = ()) -> Iterator[Source]:
        """The sources below a folder: all, or those that match the pattern, or lie in a folder that does."""
        above = [folder]
        while above:
            entry = next(above[-1].entries, None)
            if entry is None:
                above.pop()
                continue
            parts = parts_of(entry.path[len(root) :])
            whole = above[-1].whole or matches(parts, pattern)
            if not whole and not reaches(parts, pattern):
                continue
            if entry.name.startswith("."):
                self.skipped.hidden += 1
                continue
            try:
                if not is_folder(entry):
                    yield from self._file(source_at(entry.path), root) if whole else ()
                elif (below := self._below(entry.path, root, above, whole=whole)) is not None:
                    above.append(below)
            except InputError as error:
                yield unreadable(entry.path, str(error))

    def _below(self, path: str, root: str, above: list[Folder], *, whole: bool) -> Folder | None:
        """The folder at that path, unless it is excluded, or a link back to a folder that it lies in."""
        if self._excluded(path, root):
            return None
        folder = replace(self._list(path), whole=whole)
        return None if folder.identity in [higher.identity for higher in above] else folder

    def _list(self, path: str) -> Folder:
        folder = list_folder(path)
        self.listed.add(uri_of(path))
        return folder

    def _file(self, source: Source, root: str, *, named: bool = False) -> Iterator[Source]:
        """The sources that a file is or holds; none if its ending is another and nobody named it."""
        ending = source.path.lower()
        if not named and not ending.endswith((*DOCUMENT_ENDINGS, *ARCHIVE_ENDINGS, *UNREAD_ARCHIVE_ENDINGS)):
            self.skipped.other_endings += 1
            return
        if source.reason is None and ending.endswith(UNREAD_ARCHIVE_ENDINGS):
            detail = "an archive of a kind that is not read; unpack it"
            source = replace(source, reason=Reason.UNSUPPORTED_TYPE, detail=detail)
        if source.reason is None and ending.endswith(ARCHIVE_ENDINGS):
            if not self._excluded(source.path, root):
                yield from self._members(source, root)
        elif self._chosen(source, root):
            yield source

    def _members(self, archive: Source, root: str) -> Iterator[Source]:
        try:
            for source in members(archive.path, self._settings, self._storage):
                yield from self._member(source, root)
            self.listed.add(archive.uri)
        except PageError as error:
            yield replace(archive, reason=error.reason, detail=error.detail)

    def _member(self, source: Source, root: str) -> Iterator[Source]:
        name, by_name = (source.member or "").lower(), source.is_document is None
        if by_name and any(part.startswith(".") for part in parts_of(name)):
            self.skipped.hidden += 1
            return
        if by_name and name.endswith((*ARCHIVE_ENDINGS, *UNREAD_ARCHIVE_ENDINGS)):
            detail = "an archive inside an archive; unpack the outer one"
            source = replace(source, reason=Reason.UNSUPPORTED_TYPE, detail=detail)
        elif not (name.endswith(DOCUMENT_ENDINGS) if by_name else source.is_document):
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
        broken: list[Source] = []

        def absolute() -> Iterator[str]:
            try:
                for name in names:
                    yield name if URL.match(name) else _beside(manifest, name)
                self.listed.add(uri_of(manifest))
            except InputError as error:
                broken.append(unreadable(manifest, f"{one_line(shown(manifest))}: {error}"))

        listed_in = partial(self._source_listed, manifest)
        for found in in_order(listed_in, absolute(), is_slow=lambda name: URL.match(name) is not None):
            yield from found
        yield from broken

    def _source_listed(self, manifest: str, name: str) -> Iterator[Source]:
        try:
            return self._named(name, in_manifest=True)
        except (InputError, UsageError) as error:
            return iter([unreadable(name, f"{named_by(one_line(shown(manifest)))}{error}")])

    def _elsewhere(self, name: str, *, in_manifest: bool) -> Iterator[Source]:
        """The sources behind a URL: an object, web document or member of an archive, or what a bucket holds below it.

        What a manifest lists may be asked in any thread, and waits for a bucket that is down. What the user named is
        answered within seconds.
        """
        storage = self._storage if in_manifest else fail_fast(self._storage)
        denied = None
        try:
            bucket = BucketUrl.parse(name)
            if bucket is not None and not in_manifest:
                denied = _refusal(bucket, storage)
            return self._member_or_file(name, storage, in_manifest=in_manifest) or self._in_bucket(name)
        except (BucketError, PageError) as error:
            raise InputError(one_line(str(denied or error))) from error

    def _member_or_file(self, name: str, storage: StorageSettings, *, in_manifest: bool) -> Iterator[Source] | None:
        where = split_uri(name)
        if where is not None and look_up(where.archive, self._settings, storage) is not None:
            member = member_at(where.archive, where.member, where.ordinal, self._settings, self._storage)
            return (found for found in [member] if self._chosen(found, os.path.dirname(where.archive)))
        for path in _spellings(name):
            source = look_up(path, self._settings, storage)
            if source is not None and not in_manifest and path.lower().endswith(MANIFEST_ENDINGS):
                return self._manifest_elsewhere(source)
            if source is not None:
                return self._file(source, os.path.dirname(path), named=True)
        return None

    def _in_bucket(self, name: str) -> Iterator[Source]:
        """The sources below a prefix of a bucket, or those that a glob matches."""
        for path in _spellings(name):
            folder = BucketUrl.parse(path if path.endswith("/") else f"{path}/")
            if folder is None:
                raise InputError(f"{one_line(shown(name))}: the server has nothing there")
            found = listed(folder, self._storage)
            first = next(found, None)
            if first is not None or not folder.key:
                return self._objects(chain([first] if first else [], found), str(folder).removesuffix("/"))
            if is_glob(path):
                root, pattern = split_glob(path)
                start = BucketUrl.parse(re.split(r"[*?[]", path, maxsplit=1)[0])
                assert start is not None
                below = (*pattern, "**")
                keys = listed(start, self._storage)
                found = (source for source in keys if matches(parts_of(source.path[len(root) :]), below))
                first = next(found, None)
                if first is not None:
                    return self._objects(chain([first], found), root)
        what = "this glob matches no key" if is_glob(name) else "there is no such object, and no key begins so"
        raise InputError(f"{one_line(name)}: {what}")

    def _objects(self, found: Iterator[Source], root: str) -> Iterator[Source]:
        try:
            for source in found:
                if any(part.startswith(".") for part in parts_of(source.path[len(root) :])):
                    self.skipped.hidden += 1
                else:
                    yield from self._file(source, root)
            self.listed.add(uri_of(root))
        except PageError as error:
            yield unreadable(root, f"its listing broke off, what came before is read: {error.detail}")

    def _manifest_elsewhere(self, source: Source) -> Iterator[Source]:
        """The sources that a manifest on another machine names; it is downloaded now, so that trouble is said now."""
        with ExitStack() as stack:
            scratch = Path(tempfile.gettempdir())
            path = stack.enter_context(fetch(source, scratch, self._settings, self._storage))
            try:
                names = open_manifest(str(path))
            except InputError as error:
                raise InputError(f"{source.uri}: {error}") from error
            return _until_taken(self._listed_in(source.path, names), stack.pop_all())


def _refusal(bucket: BucketUrl, storage: StorageSettings) -> BucketError | None:
    """Return the refusal of a bucket to be listed, if any: reading may be allowed nonetheless.

    Raises:
        BucketError: it does not answer us at all.
    """
    try:
        check_bucket(bucket, storage)
    except BucketError as error:
        if error.code is not BucketErrorCode.DENIED:
            raise
        return error
    return None


def _spellings(url: str) -> list[str]:
    """Return the meanings of a URL: first the name that outputs have for it, then its literal text."""
    return list(dict.fromkeys((original(url), url)))


def _until_taken(sources: Iterator[Source], resources: ExitStack) -> Iterator[Source]:
    with resources:
        yield from sources


def _beside(manifest: str, name: str) -> str:
    """Resolve a name in a manifest. A manifest of another machine never leads to a file of this one."""
    folder = os.path.dirname(manifest)
    return f"{folder}/{name}" if is_remote(manifest) else os.path.join(folder, name)
