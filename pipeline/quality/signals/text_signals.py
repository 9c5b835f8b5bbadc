"""Measure the signs of a bad page of one text."""

from ocrmill.pipeline.measures import TextSignals
from ocrmill.pipeline.quality.signals.broken_formulas import is_broken
from ocrmill.pipeline.quality.signals.find_formulas import find_formulas
from ocrmill.pipeline.quality.signals.garbage import garbage_share
from ocrmill.pipeline.quality.signals.languages import NONE, language_of_text, script_of_text
from ocrmill.pipeline.records import PageFeatures, PageGeometry
from ocrmill.pipeline.text.inline.links import without_targets
from ocrmill.pipeline.text.markup.ragged_tables import count_ragged_tables

_SQUARE_INCH = 72.0 * 72.0  # in points


def measure_signals(
    markdown: str, layer_text: str | None, features: PageFeatures | None, geometry: PageGeometry
) -> TextSignals:
    """Measure a page's Markdown, beside its own text if that can be trusted."""
    markdown = without_targets(markdown)
    formulas = find_formulas(markdown)
    return TextSignals(
        text_script=script_of_text(markdown),
        layer_script=NONE if layer_text is None else script_of_text(layer_text),
        text_language=language_of_text(markdown),
        layer_language=NONE if layer_text is None else language_of_text(layer_text),
        ink_density=_density(markdown, features, geometry),
        ragged_tables=count_ragged_tables(markdown),
        formulas=len(formulas),
        broken_formulas=sum(is_broken(formula.latex) for formula in formulas),
        garbage_share=garbage_share(markdown),
    )


def _density(markdown: str, features: PageFeatures | None, geometry: PageGeometry) -> float:
    """Letters and digits for each square inch of what differs from the paper; the thumbnail gives its share."""
    if features is None:
        return 0.0
    inches = features.ink_share * geometry.width_pt * geometry.height_pt / _SQUARE_INCH
    return sum(map(str.isalnum, markdown)) / inches if inches else 0.0
