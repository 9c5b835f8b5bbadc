"""The style sheet that the viewer and reports share: colours for light and dark, cards, tables, plots."""

from pathlib import Path

STYLE = Path(__file__).parent / "static" / "style.css"
