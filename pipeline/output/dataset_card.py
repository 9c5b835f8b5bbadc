"""The card that makes an output a dataset of Hugging Face: `load_dataset(OUT)`, `load_dataset(OUT, "documents")`.

Without it `datasets` reads the shards of all tables as one table, and fails because their columns differ. The card has
the types of all columns, so shards of older versions can be read, too: columns that they lack are null.
"""

import re
from collections.abc import Iterator, Mapping

import pyarrow as pa

from ocrmill.pipeline.errors import FileGoneError
from ocrmill.pipeline.output.schema import TABLES
from ocrmill.pipeline.output.stores.store import Store

CARD = "README.md"
IMAGE = {b"feature": b"list of images"}  # metadata of a column whose lists of bytes and paths `datasets` decodes
RENEWED = "# ocrmill renews what is between the lines `---` for as long as this line is among them."
_HEADER = re.compile(r"---\n.*?^---\n", re.DOTALL | re.MULTILINE)
_ABOUT = {
    "pages": "one row for every page: its Markdown in `markdown`, how it was read, and how far to trust it",
    "documents": "one row for every document whose pages are all there, or that could not be read, with the reason",
    "sources": "where each document was found, and in which version",
}


def write_dataset_card(store: Store) -> None:
    """Write the card, or renew the header of a card that its owner has not changed."""
    try:
        before = store.read(CARD).decode(errors="surrogateescape")
    except FileGoneError:
        store.write(CARD, f"{_header()}\n{_body()}".encode())
        return
    header = _HEADER.match(before)
    if header is not None and RENEWED in header[0] and header[0] != _header():
        store.write(CARD, (_header() + before[header.end() :]).encode(errors="surrogateescape"))


def card_header(configs: Mapping[str, tuple[str, pa.Schema]], *, split: str | None = None, note: str = "") -> str:
    """Return the part for `datasets`, in YAML.

    Args:
        configs: The name of each table, the pattern of its files, and its columns; the first is the default.
        split: The name of the split that all files are; by default `datasets` finds one.
        note: A comment on the first line.
    """
    files, columns = [], []
    for number, (name, (pattern, schema)) in enumerate(configs.items()):
        where = pattern if split is None else f"\n  - split: {split}\n    path: {pattern}"
        default = "" if number else "  default: true\n"
        files.append(f"- config_name: {name}\n  data_files:{'' if split else ' '}{where}\n{default}")
        columns.append(f"- config_name: {name}\n  features:\n")
        columns += [f"  {line}\n" for line in _features(schema)]
    return f"---\n{note}configs:\n{''.join(files)}dataset_info:\n{''.join(columns)}---\n"


def _header() -> str:
    """Return the header of the card of an output."""
    return card_header({table: (f"{table}/*.parquet", schema) for table, schema in TABLES.items()}, note=f"{RENEWED}\n")


def _body() -> str:
    """Return the part for people."""
    about = "".join(f"- `{table}`: {_ABOUT[table]}.\n" for table in TABLES)
    return f"# Pages read by ocrmill\n\n{about}\nChange this text as you like: it is written once.\n"


def _features(fields: pa.Schema | pa.StructType) -> Iterator[str]:
    """Yield the columns in the terms of `datasets`, a line for each name and each type."""
    for field in fields:
        yield f"- name: {field.name}"
        is_image = field.metadata is not None and IMAGE.items() <= field.metadata.items()
        for line in ["list: image"] if is_image else _type(field.type):
            yield f"  {line}"


def _type(kind: pa.DataType) -> Iterator[str]:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_list(kind) and pa.types.is_struct(kind.value_type):
        yield "list:"
        yield from _features(kind.value_type)
    elif pa.types.is_list(kind):
        yield f"list: {_name(kind.value_type)}"
    elif pa.types.is_struct(kind):
        yield "struct:"
        yield from _features(kind)
    else:
        yield f"dtype: {_name(kind)}"


def _name(kind: pa.DataType) -> str:
    return {"float": "float32", "double": "float64"}.get(str(kind), str(kind))
