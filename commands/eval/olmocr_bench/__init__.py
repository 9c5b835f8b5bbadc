"""Score pages as olmOCR-bench does, by unit tests on their Markdown; docs/evaluation.md says how."""
