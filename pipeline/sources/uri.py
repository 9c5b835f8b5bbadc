r"""Names of sources: one line of valid Unicode each, and no two share one.

/data/a.zip!scans/page.pdf      member `scans/page.pdf` of /data/a.zip
/data/a.zip!scans/page.pdf#2    the second member of that name; tar and zip allow several
/data/c.warc.gz!https://host/x  what was captured from there (warc.py)
/data/caf\xe9.pdf               a file whose name holds the byte E9, which is not UTF-8
s3://bucket/a.zip!page.pdf      member `page.pdf` of an object; its key stands as it is, nothing is decoded
"""

import os
import re
from dataclasses import dataclass

_ESCAPED = re.compile(
    r"[\x00-\x1f\x7f\ud800-\udfff]|\\(?=x[0-9a-f]{2})"
    r"|(?i:(?<=\.zip)|(?<=\.tar)|(?<=\.tar\.gz)|(?<=\.tgz)|(?<=\.warc)|(?<=\.warc\.gz))!"
)
_MEMBER_URI = re.compile(r"(?is)(.+?\.(?:zip|tar|tar\.gz|tgz|warc|warc\.gz))!(.+?)(?:#([1-9]\d{0,8}))?\Z")


def one_line(text: str) -> str:
    r"""Return the text as one line of valid Unicode; `original` undoes it.

    Control characters and bytes that are not UTF-8 become `\xNN`, and so do a `!` that could be taken for the end of an
    archive's path and a backslash that could be taken for such an escape.
    """
    return _ESCAPED.sub(lambda found: f"\\x{ord(found[0]) & 0xFF:02x}", text)


def original(line: str) -> str:
    """Undo `one_line`."""
    escape = re.compile(rb"\\x([0-9a-f]{2})")
    return os.fsdecode(escape.sub(lambda found: bytes.fromhex(found[1].decode()), os.fsencode(line)))


@dataclass(frozen=True, slots=True)
class MemberName:
    """The parts of a member's URI."""

    archive: str
    member: str
    ordinal: int


def split_uri(uri: str) -> MemberName | None:
    """Split a member's URI into its parts; None if it is not one."""
    parts = _MEMBER_URI.match(uri)
    return MemberName(original(parts[1]), original(parts[2]), int(parts[3] or 1)) if parts else None


def joined_uri(name: MemberName) -> str:
    """Make the URI of a member."""
    repeated = f"#{name.ordinal}" if name.ordinal > 1 else ""
    return f"{one_line(name.archive)}!{one_line(name.member)}{repeated}"
