"""Find the documents behind the inputs of a run: files, folders, globs, manifests, archives, buckets, web addresses.

    Discovery(["scans", "data/**/2024-*.pdf", "more.txt", "s3://papers/2024"], settings.input, settings.storage)

In folders, globs and archives it finds names that end in .pdf or as an image (document_types.py), in upper or lower
case; each file is one source, with any number of pages. It counts files with other endings (`Discovery.skipped`), and
hidden ones: a name that begins with a dot, such as `.Trash` and the `._x.pdf` of macOS archives. In a WARC file the
type of a record counts and not its name (warc.py). Unreadable archives, folders that cannot be listed, broken links and
archives of other kinds are sources with a `reason`. A file named as an input is taken with any ending, hidden or not.
Links are followed, except to a folder that contains the link.

In a bucket, `s3://papers/2024` is the object of that key, or else all keys that begin with `2024/`. The web has no
folders: `https://` names one file.

A manifest (manifests.py) names anything but another manifest, relative to itself; a name without a file is a source
with a `reason`. The URI of a member of an archive is such a name, so the `source` column of an output is a manifest,
too.
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
from ocrmill.pipeline.sources.bucket_listing import list_objects
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
    """Files that were found and skipped."""

    other_endings: int = 0
    hidden: int = 0  # files and folders; the content of such a folder is not counted
    excluded: int = 0  # files, folders and archives, by the settings
    repeated: int = 0  # reached by two inputs, or named twice


class Discovery(Iterator[Source]):
    """The sources of some inputs, found during the iteration; `skipped` and `listed` grow meanwhile.

    `listed` has the URI of each folder, archive, manifest and prefix of a bucket that was read to its end.

    Sources of a folder or bucket come by name, those of a manifest or archive in its order. No URI comes twice.

    Raises:
        InputError: an input is missing or cannot be listed, or a glob matches nothing.
        UsageError: an input is a URL of a kind that is not read.
    """

    def __init__(self, inputs: Sequence[str], settings: InputSettings, storage: StorageSettings) -> None:
        self.skipped = Skipped()
        self.listed: set[str] = set()
        self._settings = settings
        self._storage = storage
        self._include = [ChoosingGlob.parse(text) for text in settings.include]
        self._exclude = [ChoosingGlob.parse(text) for text in settings.exclude]
        # One folder or archive has no repetitions; otherwise about 100 bytes are kept for each source.
        repeats = len(inputs) > 1 or any(name.lower().endswith(MANIFEST_ENDINGS) for name in inputs)
        self._seen: set[bytes] | None = set() if repeats else None
        self._sources = chain.from_iterable([self._resolve_input(name) for name in inputs])

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

    def _is_excluded(self, path: str, root: str, member: str = "") -> bool:
        excluded = any(glob.matches(path, root, member) for glob in self._exclude)
        self.skipped.excluded += excluded
        return excluded

    def _is_chosen(self, source: Source, root: str) -> bool:
        """Tell if the settings include this source; an unreadable one is reported even if no glob includes it."""
        member = source.member or ""
        if source.reason or not self._include or any(glob.matches(source.path, root, member) for glob in self._include):
            return not self._is_excluded(source.path, root, member)
        self.skipped.excluded += 1
        return False

    def _resolve_input(self, name: str, *, in_manifest: bool = False) -> Iterator[Source]:
        """Resolve one input to its sources. Errors of the input itself are raised now, not during the iteration."""
        if not name:
            raise UsageError("an input has no name; is a variable empty?")
        if is_remote(name):
            return self._resolve_url(name, in_manifest=in_manifest)
        if URL.match(name):
            raise UsageError(f"{one_line(redacted(name))}: URLs of s3, gs, az, http and https are read, no others")
        path = absolute(name)
        if not os.path.lexists(path) and "\\x" in name:
            path = absolute(original(name))
        if os.path.isdir(path):
            return self._walk(self._list_folder(path), path)
        if not in_manifest and path.lower().endswith(MANIFEST_ENDINGS) and os.path.isfile(path):
            return self._resolve_manifest(path)
        if os.path.exists(path):
            return self._resolve_file(source_at(path), os.path.dirname(path), named=True)
        return self._resolve_member_or_glob(name, path)

    def _resolve_member_or_glob(self, name: str, path: str) -> Iterator[Source]:
        """Resolve an input that is not a path: a member of an archive, or a glob."""
        where = split_uri(name)
        if where is not None and os.path.isfile(archive := absolute(where.archive)):
            try:
                source = member_at(archive, where.member, where.ordinal, self._settings, self._storage)
                return iter([source] if self._is_chosen(source, os.path.dirname(archive)) else [])
            except PageError as error:
                raise InputError(f"{joined_uri(replace(where, archive=archive))}: {error}") from error
        if not is_glob(path):
            raise InputError(f"{one_line(name)}: there is no such file or folder (looked for {one_line(path)})")
        root, pattern = split_glob(path)
        found = self._walk(replace(self._list_folder(root), whole=False), root, pattern)
        first = next(found, None)
        if first is None:
            raise InputError(
                f"{one_line(name)}: this glob matches no folder, document or archive below {one_line(root)}"
            )
        return chain([first], found)

    def _walk(self, folder: Folder, root: str, pattern: tuple[str, ...] = ()) -> Iterator[Source]:
        """Yield the sources below a folder: all, or those that match the pattern or lie in a folder that matches."""
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
                    yield from self._resolve_file(source_at(entry.path), root) if whole else ()
                elif (below := self._enter_folder(entry.path, root, above, whole=whole)) is not None:
                    above.append(below)
            except InputError as error:
                yield unreadable(entry.path, str(error))

    def _enter_folder(self, path: str, root: str, above: list[Folder], *, whole: bool) -> Folder | None:
        """List the folder at that path, unless it is excluded or a link to a folder that contains it."""
        if self._is_excluded(path, root):
            return None
        folder = replace(self._list_folder(path), whole=whole)
        return None if folder.identity in [higher.identity for higher in above] else folder

    def _list_folder(self, path: str) -> Folder:
        folder = list_folder(path)
        self.listed.add(uri_of(path))
        return folder

    def _resolve_file(self, source: Source, root: str, *, named: bool = False) -> Iterator[Source]:
        """Yield the file, or the members of an archive; nothing if it has another ending and was not named."""
        ending = source.path.lower()
        if not named and not ending.endswith((*DOCUMENT_ENDINGS, *ARCHIVE_ENDINGS, *UNREAD_ARCHIVE_ENDINGS)):
            self.skipped.other_endings += 1
            return
        if source.reason is None and ending.endswith(UNREAD_ARCHIVE_ENDINGS):
            detail = "an archive of a kind that is not read; unpack it"
            source = replace(source, reason=Reason.UNSUPPORTED_TYPE, detail=detail)
        if source.reason is None and ending.endswith(ARCHIVE_ENDINGS):
            if not self._is_excluded(source.path, root):
                yield from self._resolve_archive(source, root)
        elif self._is_chosen(source, root):
            yield source

    def _resolve_archive(self, archive: Source, root: str) -> Iterator[Source]:
        try:
            for source in members(archive.path, self._settings, self._storage):
                yield from self._resolve_member(source, root)
            self.listed.add(archive.uri)
        except PageError as error:
            yield replace(archive, reason=error.reason, detail=error.detail)

    def _resolve_member(self, source: Source, root: str) -> Iterator[Source]:
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
        if self._is_chosen(source, root):
            yield source

    def _resolve_manifest(self, path: str) -> Iterator[Source]:
        try:
            names = open_manifest(path)
        except InputError as error:
            raise InputError(f"{one_line(path)}: {error}") from error
        return self._resolve_names(path, names)

    def _resolve_names(self, manifest: str, names: Iterator[str]) -> Iterator[Source]:
        """Yield the sources that a manifest names, and a source with a reason for each name without a file."""
        broken: list[Source] = []

        def absolute() -> Iterator[str]:
            try:
                for name in names:
                    yield name if URL.match(name) else _join_name(manifest, name)
                self.listed.add(uri_of(manifest))
            except InputError as error:
                broken.append(unreadable(manifest, f"{one_line(shown(manifest))}: {error}"))

        resolve = partial(self._resolve_name, manifest)
        for found in in_order(resolve, absolute(), is_slow=lambda name: URL.match(name) is not None):
            yield from found
        yield from broken

    def _resolve_name(self, manifest: str, name: str) -> Iterator[Source]:
        try:
            return self._resolve_input(name, in_manifest=True)
        except (InputError, UsageError) as error:
            return iter([unreadable(name, f"{named_by(one_line(shown(manifest)))}{error}")])

    def _resolve_url(self, name: str, *, in_manifest: bool) -> Iterator[Source]:
        """Resolve a URL: an object, a web document, a member of an archive, or the objects below a prefix.

        Names of a manifest are resolved in any thread, and wait for a bucket that is down. An input of the user fails
        within seconds.
        """
        storage = self._storage if in_manifest else fail_fast(self._storage)
        denied = None
        try:
            bucket = BucketUrl.parse(name)
            if bucket is not None and not in_manifest:
                denied = _refusal(bucket, storage)
            return self._look_up_url(name, storage, in_manifest=in_manifest) or self._resolve_prefix(name)
        except (BucketError, PageError) as error:
            raise InputError(one_line(str(denied or error))) from error

    def _look_up_url(self, name: str, storage: StorageSettings, *, in_manifest: bool) -> Iterator[Source] | None:
        where = split_uri(name)
        if where is not None and look_up(where.archive, self._settings, storage) is not None:
            member = member_at(where.archive, where.member, where.ordinal, self._settings, self._storage)
            return (found for found in [member] if self._is_chosen(found, os.path.dirname(where.archive)))
        for path in _spellings(name):
            source = look_up(path, self._settings, storage)
            if source is not None and not in_manifest and path.lower().endswith(MANIFEST_ENDINGS):
                return self._resolve_remote_manifest(source)
            if source is not None:
                return self._resolve_file(source, os.path.dirname(path), named=True)
        return None

    def _resolve_prefix(self, name: str) -> Iterator[Source]:
        """Resolve a prefix of a bucket, or a glob over its keys."""
        for path in _spellings(name):
            folder = BucketUrl.parse(path if path.endswith("/") else f"{path}/")
            if folder is None:
                raise InputError(f"{one_line(shown(name))}: the server has nothing there")
            found = list_objects(folder, self._storage)
            first = next(found, None)
            if first is not None or not folder.key:
                return self._resolve_objects(chain([first] if first else [], found), str(folder).removesuffix("/"))
            if is_glob(path):
                root, pattern = split_glob(path)
                start = BucketUrl.parse(re.split(r"[*?[]", path, maxsplit=1)[0])
                assert start is not None
                below = (*pattern, "**")
                keys = list_objects(start, self._storage)
                found = (source for source in keys if matches(parts_of(source.path[len(root) :]), below))
                first = next(found, None)
                if first is not None:
                    return self._resolve_objects(chain([first], found), root)
        what = "this glob matches no key" if is_glob(name) else "there is no such object, and no key begins with it"
        raise InputError(f"{one_line(name)}: {what}")

    def _resolve_objects(self, found: Iterator[Source], root: str) -> Iterator[Source]:
        try:
            for source in found:
                if any(part.startswith(".") for part in parts_of(source.path[len(root) :])):
                    self.skipped.hidden += 1
                else:
                    yield from self._resolve_file(source, root)
            self.listed.add(uri_of(root))
        except PageError as error:
            yield unreadable(root, f"its listing broke off; the sources before that are read: {error.detail}")

    def _resolve_remote_manifest(self, source: Source) -> Iterator[Source]:
        """Resolve a manifest on another machine; it is downloaded now, so that errors are raised now."""
        with ExitStack() as stack:
            scratch = Path(tempfile.gettempdir())
            path = stack.enter_context(fetch(source, scratch, self._settings, self._storage))
            try:
                names = open_manifest(str(path))
            except InputError as error:
                raise InputError(f"{source.uri}: {error}") from error
            return _with_resources(self._resolve_names(source.path, names), stack.pop_all())


def _refusal(bucket: BucketUrl, storage: StorageSettings) -> BucketError | None:
    """Return the error of a bucket that refuses to be listed, if it does: reading may still be allowed.

    Raises:
        BucketError: the bucket does not answer.
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


def _with_resources(sources: Iterator[Source], resources: ExitStack) -> Iterator[Source]:
    with resources:
        yield from sources


def _join_name(manifest: str, name: str) -> str:
    """Resolve a name in a manifest. A manifest of another machine never leads to a file of this one."""
    folder = os.path.dirname(manifest)
    return f"{folder}/{name}" if is_remote(manifest) else os.path.join(folder, name)
