"""The steps of a document, a folder for each, in the order of the data. No Ray, torch or vLLM.

sources    find documents and open their bytes
buckets    object stores, for sources and outputs
pages      open, inspect and render pages; decide between text layer, OCR and blank
text       a page's own text, or recognized lines, as Markdown with blocks
quality    measurements, flags, the row of a page
scores     a text against its ground truth
output     shards, commits, ledger, lease
"""
