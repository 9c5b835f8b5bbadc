"""The pages of an output that a ground truth names, with their text.

Documents are those that sources hold now, and those that have some pages only (`run --pages`). Not covered: a `forget`
that was killed; run any command that writes first.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from ocrmill.commands.eval.page_names import Key, NamedDocument
from ocrmill.commands.export.whole_documents import read_held_documents
from ocrmill.pipeline.errors import OutputError
from ocrmill.pipeline.output.journal import shards
from ocrmill.pipeline.output.shard import open_shard, read_row_group
from ocrmill.pipeline.output.stores.store import Store

_NAMES = ["document_id", "source", "page_count"]
_COLUMNS = ("document_id", "page_number", "status", "engine", "markdown", "visual_tokens")


@dataclass(frozen=True, slots=True)
class OutputPage:
    """A page of the output; one that failed has no text."""

    name: str  # for people: the source and the page number
    status: str
    engine: str | None
    markdown: str
    visual_tokens: int | None  # null where no model saw the page


@dataclass(slots=True)
class OutputPages:
    """The pages that a truth names, and the names of all others."""

    wanted: dict[Key, OutputPage] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)

    def text(self, key: Key | None) -> str | None:
        """Return the Markdown of a page; None if it has no row."""
        page = None if key is None else self.wanted.get(key)
        return None if page is None else page.markdown


def read_documents(store: Store) -> dict[str, NamedDocument]:
    """Read the documents by their ids.

    Raises:
        OutputError: A shard cannot be read, or a document is there twice.
    """
    held = read_held_documents(store)
    known = ((facts.document_id, facts.sources, facts.page_count) for facts in held)
    documents = {name: NamedDocument(name, sources, count) for name, sources, count in known if name is not None}
    for shard in shards(store, "pages"):
        with open_shard(store.file(shard), shard) as parquet:
            for group in range(parquet.num_row_groups):
                rows = read_row_group(parquet, shard, group, _NAMES).group_by(_NAMES).aggregate([]).to_pylist()
                for row in rows:
                    name = row["document_id"]
                    if name not in held.superseded:
                        documents.setdefault(name, NamedDocument(name, (row["source"],), row["page_count"]))
    return documents


def read_output_pages(store: Store, documents: Mapping[str, NamedDocument], wanted: Collection[Key]) -> OutputPages:
    """Read the wanted pages; memory holds their texts and one row group.

    Raises:
        OutputError: A shard cannot be read, or a page is there twice.
    """
    pages = OutputPages()
    for shard in shards(store, "pages"):
        with open_shard(store.file(shard), shard) as parquet:
            for group in range(parquet.num_row_groups):
                for row in read_row_group(parquet, shard, group, _COLUMNS).to_pylist():
                    key = (row.pop("document_id"), row.pop("page_number"))
                    if key[0] not in documents:
                        continue
                    name = f"{documents[key[0]].sources[0]} page {key[1]}"
                    if key not in wanted:
                        pages.others.append(name)
                    elif key in pages.wanted:
                        raise OutputError(f"{name} has several rows: run `ocrmill verify --repair` first")
                    else:
                        row["markdown"] = row["markdown"] or ""
                        pages.wanted[key] = OutputPage(name, **row)
    return pages
