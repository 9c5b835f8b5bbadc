"""The tables of pages, documents and sources: filtered, sorted, searched and handed out."""
