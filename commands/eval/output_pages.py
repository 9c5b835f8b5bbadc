"""The pages of an output that a ground truth names, with their text."""

from collections.abc import Collection
from dataclasses import dataclass, field

from ocrmill.commands.eval.page_names import Key
from ocrmill.commands.export.whole_documents import HeldDocuments
from ocrmill.pipeline.errors import OutputError
from ocrmill.pipeline.output.journal import shards
from ocrmill.pipeline.output.shard import open_shard, read_row_group
from ocrmill.pipeline.output.stores.store import Store

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


def read_output_pages(store: Store, held: HeldDocuments, wanted: Collection[Key]) -> OutputPages:
    """Read the wanted pages of the documents that sources hold now; memory holds their texts and one row group.

    Raises:
        OutputError: A shard cannot be read, or a page is there twice.
    """
    sources = {facts.document_id: facts.source for facts in held}
    pages = OutputPages()
    for shard in shards(store, "pages"):
        with open_shard(store.file(shard), shard) as parquet:
            for group in range(parquet.num_row_groups):
                for row in read_row_group(parquet, shard, group, _COLUMNS).to_pylist():
                    key = (row.pop("document_id"), row.pop("page_number"))
                    if key[0] not in sources:
                        continue
                    name = f"{sources[key[0]]} page {key[1]}"
                    if key not in wanted:
                        pages.others.append(name)
                    elif key in pages.wanted:
                        raise OutputError(f"{name} has several rows: run `ocrmill verify --repair` first")
                    else:
                        row["markdown"] = row["markdown"] or ""
                        pages.wanted[key] = OutputPage(name, **row)
    return pages
