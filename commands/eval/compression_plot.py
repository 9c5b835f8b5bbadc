"""The plot of the compression study: precision by ratio of text tokens to visual tokens, a line for each mode.

Drawn as SVG by Vega, as the plots of reports are, in colours of its own, for it stands alone.
"""

from importlib.util import find_spec
from pathlib import Path

from ocrmill.commands.eval.report import Cell, ScoreTable
from ocrmill.commands.export.places.new_file import new_file, regular_file, reporting_os_errors
from ocrmill.pipeline.errors import MissingPackageError

_WIDTH, _HEIGHT = 560, 320  # pixels


def require_plotting() -> None:
    """Look for the library that draws.

    Raises:
        MissingPackageError: It is not installed.
    """
    if find_spec("vl_convert") is None:
        raise MissingPackageError("--plot needs vl-convert-python: pip install --editable '.[view]' in the clone")


def write_plot(table: ScoreTable, path: Path) -> None:
    """Draw a table of compression (compression.py) into an SVG file.

    Raises:
        OutputError: The file cannot be written.
        UsageError: The path is no file.
    """
    drawn = _draw(table.records())
    with reporting_os_errors(path), new_file(regular_file(path)) as file:
        file.write(drawn.encode())


def _draw(rows: list[dict[str, Cell]]) -> str:
    import vl_convert

    values = [
        {
            "ratio": row["ratio"],
            "precision": row["precision"],
            "mode": f"{row['visual tokens']}",
            "pages": row["pages"],
            "said": f"{row['visual tokens']} visual tokens, ratio {row['ratio']:.1f}: "
            f"precision {row['precision']:.3f}, {row['pages']} pages",
        }
        for row in rows
    ]
    modes = sorted({str(value["mode"]) for value in values}, key=int)
    encoding = {
        "x": {"field": "ratio", "type": "quantitative", "title": "text tokens for each visual token"},
        "y": {
            "field": "precision",
            "type": "quantitative",
            "title": "precision",
            "scale": {"domain": [0, 1]},
            "axis": {"format": ".0%"},
        },
        "color": {
            "field": "mode",
            "type": "nominal",
            "scale": {"domain": modes},
            "legend": {"title": "visual tokens"},
        },
        "description": {"field": "said"},
    }
    spec = {
        "width": _WIDTH,
        "height": _HEIGHT,
        "background": "white",
        "data": {"values": values},
        "encoding": encoding,
        "layer": [
            {"mark": {"type": "line", "opacity": 0.5}},
            {
                "mark": {"type": "circle", "opacity": 1},
                "encoding": {"size": {"field": "pages", "type": "quantitative", "title": "pages"}},
            },
        ],
    }
    drawn: str = vl_convert.vegalite_to_svg(spec, vl_version="5.20")
    return drawn
