"""The Parquet output: schema, shards, commits, and what it holds already."""
