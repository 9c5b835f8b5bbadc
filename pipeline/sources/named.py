"""The source that a name stands for: a file, a member of an archive, or what cannot be read."""

# Paths are str: pathlib resolves links with its dots.
# ruff: noqa: PTH100, PTH116

import os
import re
import stat
from dataclasses import replace

from ocrmill.pipeline.records import Reason, Source
from ocrmill.pipeline.sources.archives.members import file_version
from ocrmill.pipeline.sources.remote import shown
from ocrmill.pipeline.sources.uri import joined_uri, one_line, original, split_uri

URL = re.compile(r"(?i)[a-z][a-z0-9+.-]*://")
ABSENT = "absent"  # the version of what is not there


def unreadable(path: str, detail: str) -> Source:
    """Return a source that cannot be read; `detail` says why."""
    if URL.match(path):
        member = split_uri(path)
        if member is not None:
            uri = joined_uri(replace(member, archive=shown(member.archive)))
            return Source(uri, ABSENT, 0, member.archive, member.member, Reason.UNREADABLE, detail)
        return Source(uri_of(path), ABSENT, 0, path, reason=Reason.UNREADABLE, detail=detail)
    where = None if os.path.lexists(path) else split_uri(path)
    if where is not None:
        where = replace(where, archive=absolute(where.archive))
        return Source(joined_uri(where), ABSENT, 0, where.archive, where.member, Reason.UNREADABLE, detail)
    return Source(uri_of(path), ABSENT, 0, absolute(path), reason=Reason.UNREADABLE, detail=detail)


def uri_of(path: str) -> str:
    """Return the URI of a path or URL that is no member of an archive."""
    return one_line(shown(original(path)) if URL.match(path) else absolute(path))


def source_at(path: str) -> Source:
    """Return the source of a file; with a reason if the file is known to be unreadable."""
    try:
        status = os.stat(path)
    except OSError as error:
        return unreadable(path, f"{one_line(path)}: {error.strerror}")
    source = Source(one_line(path), file_version(status), status.st_size, path)
    if not stat.S_ISREG(status.st_mode):
        return replace(source, reason=Reason.UNSUPPORTED_TYPE, detail="not a regular file")
    return source


def absolute(name: str) -> str:
    """The absolute path without `.` and `..`; links in it stay as they are, unless a `..` follows one."""
    path = "/" + os.path.abspath(name).lstrip("/")
    if ".." not in name or "\0" in name:
        return path
    real = os.path.realpath(name)
    return path if os.path.realpath(path) == real else real
