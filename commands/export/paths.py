"""The paths of documents in an exported tree, made from their sources, and safe for any source.

    /data/in/2024/report.pdf             -> 2024/report.pdf
    /data/in/box.zip!letters/one.pdf     -> box.zip/letters/one.pdf       (where /data/in is what all have in common)
    /data/in/box.zip!../../etc/passwd    -> box.zip/..~0a1b2c3d4e5f6071/..~0a1b2c3d4e5f6071/etc/passwd

A path depends on its own source and the common folder alone, unless two differ only in what some file systems ignore
(case, Unicode form): then both get the hash of their source. Not covered: names that Windows reserves.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from hashlib import sha256
from itertools import takewhile

from ocrmill.pipeline.printable import is_printable
from ocrmill.pipeline.sources.uri import one_line, split_uri

ENDING = ".md"
INDEX = "_index.jsonl"
FIGURES = "_figures"  # a folder beside the documents whose pictures it holds

# A file system takes 255 bytes a name: the hashes of a name and of its source, the ending and a temporary name take 54.
NAME_BYTES = 200
PATH_BYTES = 1000  # Linux takes 4,096 with the folder in front, macOS 1,024
_HASH_DIGITS = 16
_HASHED = re.compile(f"~[0-9a-f]{{{_HASH_DIGITS}}}$")


def export_paths(sources: Sequence[str]) -> list[str]:
    """A path for each source, relative and without ending, in which no name ends like an exported file.

    Different sources get different paths, also on file systems that ignore case and Unicode form, as long as 64 bits of
    SHA-256 differ. No path leads out of the export folder.
    """
    split = [_split(source) for source in sources]
    common = _common_length([folders for folders, _ in split])
    names = [[_clean(name) for name in (*folders[common:], *inside)] for folders, inside in split]
    count = Counter(_case_folded("/".join(parts)) for parts in names)
    return [_path(source, parts, count) for source, parts in zip(sources, names, strict=True)]


def _split(source: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Split a source into the folders of its file, and the file: of a member, the archive and the path inside."""
    where = split_uri(source)
    path = source if where is None else one_line(where.archive)
    *folders, name = _names(path) or [""]
    if where is None:
        return tuple(folders), (name,)
    ordinal = f"#{where.ordinal}" if where.ordinal > 1 else ""
    return tuple(folders), (name, *_names(one_line(where.member) + ordinal))


def _common_length(paths: Sequence[tuple[str, ...]]) -> int:
    """Count the leading names that all paths share: as many as the first and the last of them in order."""
    if not paths:
        return 0
    pairs = zip(min(paths), max(paths), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _names(path: str) -> list[str]:
    return [name for name in path.split("/") if name]


def _clean(name: str) -> str:
    """Return a name that is safe: itself, or its printable part with the hash of the whole name."""
    encoded = name.encode()
    good = (
        name not in ("", ".", "..", INDEX)
        and name.casefold() != FIGURES
        and len(encoded) <= NAME_BYTES
        and all(map(is_printable, name))
        and not _HASHED.search(name)
        and not _case_folded(name).endswith(ENDING)  # a folder of that name could stand where a file has to
    )
    if good:
        return name
    shown = "".join(character if is_printable(character) else "_" for character in name)
    return f"{shown.encode()[:NAME_BYTES].decode(errors='ignore')}~{_hash(name)}"


def _path(source: str, names: Sequence[str], count: Counter[str]) -> str:
    path = "/".join(names)
    if len(path.encode()) > PATH_BYTES:
        return f"{'/'.join(names[:2])}/{names[-1]}~{_hash(f'source {source}')}"
    return path if count[_case_folded(path)] == 1 else f"{path}~{_hash(f'source {source}')}"


def _case_folded(path: str) -> str:
    """Return the form of a path that a file system compares if it ignores case and Unicode form."""
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", path).casefold())


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:_HASH_DIGITS]
