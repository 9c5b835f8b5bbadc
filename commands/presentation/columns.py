"""The columns of the tables that the index holds: people filter, sort and count by them."""

from dataclasses import dataclass

NO_VALUE = "(none)"  # of rows without a value, in tables and filters; `none` is a word that some columns hold


@dataclass(frozen=True, slots=True)
class TableColumns:
    """The columns of a table by the kind of their filter, each with a name to show."""

    table: str
    texts: dict[str, str]  # a filter finds a part of the value
    choices: dict[str, str]  # few values: a filter offers them
    numbers: dict[str, str]  # a filter bounds them
    shown: tuple[str, ...]  # unless others are asked for

    @property
    def names(self) -> dict[str, str]:
        """All columns with their names."""
        return {**self.texts, **self.choices, **self.numbers}


_RUN = {"run_id": "Run", "settings_fingerprint": "Settings", "ocrmill_version": "Version"}

PAGE_COLUMNS = TableColumns(
    "pages",
    texts={"source": "Source", "document_id": "Document"},
    choices={
        "status": "Status",
        "reason": "Reason",
        "flags": "Flags",
        "engine": "Engine",
        "route": "Route",
        "route_reason": "Why that route",
        "text_language": "Language",
        "text_script": "Script",
        "script": "Script of the layer",
        "finish_reason": "Ended by",
        "model": "Model",
        "renderer": "Renderer",
        **_RUN,
    },
    numbers={
        "page_number": "Page",
        "page_count": "Pages of the document",
        "loop_score": "Loop score",
        "repetition_ratio": "Repeated share",
        "repeated_tail_chars": "Repeated tail",
        "compression_ratio": "Compression",
        "longest_run": "Longest run",
        "text_layer_agreement": "Agreement with the layer",
        "agreement_missing": "Missing words",
        "agreement_invented": "Invented words",
        "agreement_misread": "Misread words",
        "engine_confidence": "Confidence",
        "unsure_share": "Unsure lines",
        "unread_share": "Unread letters",
        "layer_recall": "Recall of the layer",
        "layer_precision": "Precision of the layer",
        "garbage_share": "Garbage",
        "attempts": "Attempts",
        "output_tokens": "Tokens",
        "characters": "Characters of the layer",
        "engine_ms": "Engine, ms",
        "render_ms": "Rendering, ms",
        "dpi": "DPI",
    },
    shown=("source", "page_number", "status", "reason", "flags", "engine", "text_language", "loop_score", "engine_ms"),
)
# Those that are within another column of the Parquet rows, as SQL over these.
DERIVED = {"script": "features.script", "characters": "features.characters", "attempts": "len(attempts)"}

# Columns of pages whose values are counted at a glance.
COUNTED = ("status", "reason", "flags", "route", "engine", "text_language", "text_script")

DOCUMENT_COLUMNS = TableColumns(
    "documents",
    texts={"source": "Source", "document_id": "Document", "title": "Title", "producer": "Producer"},
    choices={"status": "Status", "reason": "Reason", **_RUN},
    numbers={
        "page_count": "Pages",
        "pages_ok": "Read",
        "pages_repaired": "Repaired",
        "pages_text_layer": "From the layer",
        "pages_blank": "Blank",
        "pages_failed": "Failed",
        "pages_flagged": "Flagged",
        "repetition_rate": "Repetition rate",
        "bytes": "Bytes",
        "sequence": "Sequence",
    },
    shown=("source", "status", "reason", "page_count", "pages_failed", "pages_flagged", "bytes", "title"),
)

SOURCE_COLUMNS = TableColumns(
    "sources",
    texts={"source": "Source", "document_id": "Document"},
    choices={"run_id": "Run", "ocrmill_version": "Version"},
    numbers={"bytes": "Bytes", "sequence": "Sequence"},
    shown=("source", "document_id", "bytes", "run_id"),
)
TABLE_COLUMNS = (PAGE_COLUMNS, DOCUMENT_COLUMNS, SOURCE_COLUMNS)
