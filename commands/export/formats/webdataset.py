"""A WebDataset: tar files in which neighbours with one key are a sample.

    shard-000000.tar    KEY.jpg, KEY.md, KEY.json of one page, then those of the next

A file has at most `options.shard_bytes`, unless a single page is larger. Times, owners and modes are the same in all.
"""

import io
import tarfile
from pathlib import Path

from ocrmill.commands.export.chosen_documents import ExportOptions
from ocrmill.commands.export.export_report import ExportReport
from ocrmill.commands.export.formats.exported_folder import exported_folder
from ocrmill.commands.export.formats.page_pairs import Pair, page_pairs, pair_options
from ocrmill.commands.export.formats.shards import Shards
from ocrmill.commands.export.records import line
from ocrmill.pipeline.output.stores.store import Store

_END_BLOCKS = 2  # a tar file ends with them, and with zeros up to the size of a record


def export_webdataset(store: Store, destination: Path, options: ExportOptions | None = None) -> ExportReport:
    """Write the pairs.

    Raises:
        OutputError: The output cannot be read or the folder not written; the destination is unchanged.
        UsageError: The destination is a file, a URL, somebody's folder, or an export that may not be replaced.
    """
    options = pair_options(options)
    with exported_folder(store, destination, options, "webdataset") as folder:
        limit = options.shard_bytes
        with Shards(lambda number: _TarShard(folder.path / f"shard-{number:06}.tar"), limit) as shards:
            for pair in page_pairs(folder, options):
                shards.add(pair)
    return folder.report


class _TarShard:
    def __init__(self, path: Path) -> None:
        self._tar = tarfile.open(path, "w", format=tarfile.USTAR_FORMAT)  # noqa: SIM115 (close() closes it)

    def has_room(self, item: Pair, limit: int) -> bool:
        blocks = sum(1 + -(-len(data) // tarfile.BLOCKSIZE) for data in _members(item).values()) + _END_BLOCKS
        records = -(-(self._tar.offset + blocks * tarfile.BLOCKSIZE) // tarfile.RECORDSIZE)
        return records * tarfile.RECORDSIZE <= limit

    def add(self, item: Pair) -> None:
        for ending, data in _members(item).items():
            member = tarfile.TarInfo(f"{item.key}.{ending}")
            member.size = len(data)
            self._tar.addfile(member, io.BytesIO(data))

    def close(self) -> None:
        self._tar.close()


def _members(pair: Pair) -> dict[str, bytes]:
    """Return the files of a sample by their endings."""
    return {"jpg": pair.jpeg, "md": pair.text.encode(), "json": line(pair.facts)}
