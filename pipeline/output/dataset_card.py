"""The card that makes an output a dataset of Hugging Face: `load_dataset(OUT)`, `load_dataset(OUT, "documents")`.

Without it `datasets` reads the shards of all tables as one table, and fails because their columns differ. The card has
the types of all columns, so shards of older versions can be read, too: columns that they lack are null.
"""

import re
from collections.abc import Iterator

import pyarrow as pa

from ocrmill.pipeline.errors import FileGoneError
from ocrmill.pipeline.output.schema import TABLES
from ocrmill.pipeline.output.stores.store import Store

CARD = "README.md"
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


def _header() -> str:
    """Return the part for `datasets`, in YAML: the tables, their files and the types of their columns."""
    configs = [
        f"- config_name: {table}\n  data_files: {table}/*.parquet\n" + ("  default: true\n" if table == "pages" else "")
        for table in TABLES
    ]
    columns = [
        f"- config_name: {table}\n  features:\n" + "".join(f"  {line}\n" for line in _features(schema))
        for table, schema in TABLES.items()
    ]
    return f"---\n{RENEWED}\nconfigs:\n{''.join(configs)}dataset_info:\n{''.join(columns)}---\n"


def _body() -> str:
    """Return the part for people."""
    about = "".join(f"- `{table}`: {_ABOUT[table]}.\n" for table in TABLES)
    return f"# Pages read by ocrmill\n\n{about}\nChange this text as you like: it is written once.\n"


def _features(fields: pa.Schema | pa.StructType) -> Iterator[str]:
    """Yield the columns in the terms of `datasets`, a line for each name and each type."""
    for field in fields:
        yield f"- name: {field.name}"
        for line in _type(field.type):
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
