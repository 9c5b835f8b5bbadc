"""Scores of a text against its ground truth, for `ocrmill eval` and for bench/quality."""
