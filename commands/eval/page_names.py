"""The pages of an output by the names that a ground truth has for them.

A name is that of a document: its file name, with or without its ending, and as many folders in front as the truth has.

    report.pdf, report, 2024/report.pdf        the document /data/2024/report.pdf
    report_3, report_page_003, report_pg3      its third page; so does report.pdf_3
    scan                                       the only page of /data/scan.png

A document is one however many sources hold it. A name that fits several documents is refused.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from ocrmill.pipeline.errors import InputError

Key = tuple[str, int]  # document_id and page number
_NUMBERED = re.compile(r"(?P<document>.+?)[_-](?:page[_-]?|pg|p)?0*(?P<page>[1-9]\d*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class NamedDocument:
    """A document of the output, with the sources that hold it."""

    document_id: str
    sources: tuple[str, ...]
    page_count: int


class PageNames:
    """The documents of an output, by file name."""

    def __init__(self, documents: Iterable[NamedDocument]) -> None:
        """Index the documents."""
        self._by_name: dict[str, list[tuple[tuple[str, ...], NamedDocument]]] = {}
        for document in documents:
            for source in document.sources:
                *folders, name = _parts(source)
                for each in {name, _stem(name)}:
                    self._by_name.setdefault(each, []).append((tuple(folders), document))

    def document(self, name: str) -> NamedDocument | None:
        """Return the document of a name.

        Raises:
            InputError: There are several.
        """
        found = {document.document_id: document for document in self._documents(name)}
        return _only(name, list(found.values()))

    def page(self, name: str) -> Key | None:
        """Return the page of a name: the only page of the document, or that with the number at the end of the name.

        Raises:
            InputError: There are several.
        """
        found = [(document, 1) for document in self._documents(name) if document.page_count == 1]
        if numbered := _NUMBERED.fullmatch(name):
            page = int(numbered["page"])
            documents = self._documents(numbered["document"])
            found += [(document, page) for document in documents if page <= document.page_count]
        keys = {(document.document_id, page): document for document, page in found}
        return None if _only(name, list(keys.values())) is None else next(iter(keys))

    def _documents(self, name: str) -> Iterator[NamedDocument]:
        *folders, last = _parts(name)
        for own, document in self._by_name.get(last, ()):
            if not folders or own[-len(folders) :] == tuple(folders):
                yield document


def _parts(path: str) -> list[str]:
    return [part for part in path.replace("!", "/").replace("\\", "/").split("/") if part] or [""]


def _stem(name: str) -> str:
    return PurePosixPath(name).stem


def _only(name: str, found: list[NamedDocument]) -> NamedDocument | None:
    if len(found) > 1:
        sources = ", ".join(document.sources[0] for document in found[:3])
        raise InputError(f"{name!r} in the ground truth fits {len(found)} documents of the output, e.g. {sources}")
    return found[0] if found else None
