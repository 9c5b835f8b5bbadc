"""The card that makes an output a dataset of Hugging Face: `load_dataset(OUT)`, `load_dataset(OUT, "documents")`.

Without it `datasets` takes the shards of all tables for one table, and ends for their columns differ.
"""

from pipeline.errors import FileGoneError
from pipeline.schema import TABLES
from pipeline.store import Store

CARD = "README.md"
_ABOUT = {
    "pages": "one row for every page: its Markdown in `markdown`, how it was read, and how far to trust it",
    "documents": "one row for every document whose pages are all there, or that could not be read, with the reason",
    "sources": "where each document was found, and in which version",
}


def write_dataset_card(store: Store) -> bool:
    """Write the card unless there is one, which may be somebody's own by now; says if it did."""
    try:
        store.read(CARD)
    except FileGoneError:
        store.write(CARD, dataset_card().encode())
        return True
    return False


def dataset_card() -> str:
    """The card: what `datasets` reads first, then what people read."""
    configs = [
        f"- config_name: {table}\n  data_files: {table}/*.parquet\n" + ("  default: true\n" if table == "pages" else "")
        for table in TABLES
    ]
    about = [f"- `{table}`: {_ABOUT[table]}.\n" for table in TABLES]
    return (
        f"---\nconfigs:\n{''.join(configs)}---\n\n# Pages read by ocrmill\n\n{''.join(about)}\n"
        "Change this text as you like: it is written once, and never again.\n"
    )
