"""SQL over the rows of an output in a locked DuckDB: for the viewer, and for `export --where`."""
