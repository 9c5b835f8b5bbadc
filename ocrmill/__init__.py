"""Turn PDFs into Markdown for corpora: one Parquet row for every page."""
