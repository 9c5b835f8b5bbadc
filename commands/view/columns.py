"""The columns of a page that the viewer's index holds: people filter and sort by them."""

CHOICES = {  # columns of few values, with a name to show; a filter offers the values
    "status": "Status",
    "reason": "Reason",
    "flags": "Flags",
    "route": "Route",
    "route_reason": "Why that route",
    "engine": "Engine",
    "model": "Model",
    "renderer": "Renderer",
    "script": "Script of the layer",
    "text_script": "Script of the text",
    "text_language": "Language",
    "finish_reason": "Ended by",
    "run_id": "Run",
    "settings_fingerprint": "Settings",
    "ocrmill_version": "Version",
}
TEXTS = {"source": "Source", "document_id": "Document"}  # a filter finds a part of it
NUMBERS = {
    "page_number": "Page",
    "page_count": "Pages of the document",
    "characters": "Characters of the layer",
    "attempts": "Attempts",
    "output_tokens": "Tokens",
    "engine_ms": "Engine, ms",
    "render_ms": "Rendering, ms",
    "repetition_ratio": "Repeated share",
    "repeated_tail_chars": "Repeated tail",
    "compression_ratio": "Compression",
    "longest_run": "Longest run",
    "loop_score": "Loop score",
    "text_layer_agreement": "Agreement with the layer",
    "agreement_missing": "Missing words",
    "agreement_invented": "Invented words",
    "engine_confidence": "Confidence",
    "layer_recall": "Recall of the layer",
    "garbage_share": "Garbage",
    "dpi": "DPI",
}
PAGE_COLUMNS = {**TEXTS, **CHOICES, **NUMBERS}
# Those that are within another column of the Parquet rows, as SQL over these.
DERIVED = {"script": "features.script", "characters": "features.characters", "attempts": "len(attempts)"}
SHOWN = ("source", "page_number", "status", "reason", "flags", "engine", "loop_score", "engine_ms")
