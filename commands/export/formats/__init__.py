"""The forms in which an export is written, one file each; export.py lists them."""
