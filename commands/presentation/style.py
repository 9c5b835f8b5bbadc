"""Looks that the viewer and reports share: a style sheet, and templates of tables."""

from pathlib import Path

STYLE = Path(__file__).parent / "static" / "style.css"  # colours for light and dark, cards, tables, plots
SHARED_TEMPLATES = Path(__file__).parent / "templates"
