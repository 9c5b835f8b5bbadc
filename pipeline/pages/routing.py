"""Decide if a page is read from its text layer, by OCR, or is blank, and say why.

Reasons, in the order in which they are asked:

    too_small       no letter fits on the page: whatever is seen there is not text
    blank           nothing to see
    forced          OCR whatever the layer says, by `mode`
    no_text         there is no layer
    invisible_text  the layer is drawn invisibly or under a picture: somebody's OCR, or not what is shown
    inkless_text    nothing is seen where the layer has its text: white on white, under a black bar, moved
    garbled         the layer is not text: unmapped glyphs, control characters, words that no Latin language has,
                    signs without letters
    odd_script      its letters fit no language of their script
    uncovered_ink   most of what is seen lies outside the layer: a picture or outlines, which may hold text
    unsupported_script  the layer's only faults are the last or that it is invisible, and the engine cannot write its
                    script: it is taken, and flagged
    codes           it is of no language (garbled, odd_script), but its glyphs look like its letters
                    (glyphs/confirmed_letters.py): part numbers, registers, keys
    good_text       none of these
    formulas, complex_table, figure_text  the layer is good, but text cannot hold what is on the page, and the engine
                    writes markup: if it then does worse, the layer is kept

The first rules come from a measurement on 164 pages. They found all 20 bad layers, and sent 37 good ones to OCR
needlessly: to take a bad layer for good is worse. Short texts are judged by measures that need no words.
"""

from ocrmill.configs.settings import RoutingSettings
from ocrmill.pipeline.records import PageFeatures, PageGeometry, Route, RouteDecision

_RIGHT_TO_LEFT = frozenset({"arabic", "hebrew", "syriac", "thaana"})


UNSUPPORTED_SCRIPT = "unsupported_script"
CODES = RouteDecision(Route.TEXT_LAYER, "codes")
SMALLEST_PAGE_PT = 4.0  # the height of the smallest print; pages of 1 and 3 pt exist, and hold a dot


# Of a layer's letters: more than the quotations and formulas that a page in another script holds.
FOREIGN_SHARE = 0.1
_OF_NO_LANGUAGE = frozenset({"garbled", "odd_script"})
_APART = 0.3  # of a layer's characters: with more letters alone its words are cut up, whatever they look like


def decide(
    features: PageFeatures,
    settings: RoutingSettings,
    geometry: PageGeometry | None = None,
    unwritable_share: float = 0.0,
) -> RouteDecision:
    """Decide the route of a page from its features, and from its size if that is given.

    `unwritable_share` is the share of the layer's letters that the engine cannot write. If the engine would write too
    little of a layer that is text, the layer is kept, even if the page holds more than it.
    """
    if geometry is not None and min(geometry.width_pt, geometry.height_pt) < SMALLEST_PAGE_PT:
        return RouteDecision(Route.BLANK, "too_small")
    if is_blank(features, settings):
        return RouteDecision(Route.BLANK, "blank")
    if settings.mode == "ocr":
        return RouteDecision(Route.OCR, "forced")
    doubts = _doubts(features, settings)
    if doubts and unwritable_share >= FOREIGN_SHARE and set(doubts) <= {"invisible_text", "uncovered_ink"}:
        return RouteDecision(Route.TEXT_LAYER, UNSUPPORTED_SCRIPT)
    return RouteDecision(Route.OCR, doubts[0]) if doubts else RouteDecision(Route.TEXT_LAYER, "good_text")


def may_be_codes(decision: RouteDecision, features: PageFeatures, settings: RoutingSettings) -> bool:
    """Tell if all that speaks against a layer is that no language has such words: it is garbled, or of codes."""
    letters_apart = features.one_letter_share * features.words
    return (
        decision.reason in _OF_NO_LANGUAGE
        and set(_doubts(features, settings)) <= _OF_NO_LANGUAGE
        and features.script in {"latin", "none"}
        and not _is_no_text(features, settings)
        and letters_apart < _APART * features.characters
    )


def is_blank(features: PageFeatures, settings: RoutingSettings) -> bool:
    """Tell if a page shows nothing. Invisible text does not count, nor does one colour all over."""
    seen = features.characters * (1 - max(features.invisible_share, features.inkless_text_share))
    return features.ink_share < settings.blank_ink_share and seen < 1


def layer_can_check(features: PageFeatures, settings: RoutingSettings) -> bool:
    """Tell if OCR can be compared with a layer, taken or not: it is text, visible, and most of what is visible.

    An OCR layer that covers the page passes; it may still be a bad one, of words that look like words.
    """
    return set(_doubts(features, settings)) <= {"invisible_text"}


def is_right_to_left(features: PageFeatures) -> bool:
    """Tell if most letters of a page are of a script that runs from right to left."""
    return features.script in _RIGHT_TO_LEFT


def _doubts(features: PageFeatures, settings: RoutingSettings) -> list[str]:
    """Every reason not to take the layer, the weightiest first."""
    if features.characters == 0:
        return ["no_text"]
    doubts = {
        "invisible_text": features.invisible_share >= settings.max_invisible,
        "inkless_text": features.inkless_text_share >= settings.max_inkless_text,
        "garbled": _is_garbled(features, settings),
        "odd_script": features.script_oddness >= settings.max_script_oddness,
        "uncovered_ink": features.uncovered_ink_share >= settings.max_uncovered_ink,
    }
    return [reason for reason, holds in doubts.items() if holds]


def _is_garbled(features: PageFeatures, settings: RoutingSettings) -> bool:
    """Tell if too much of a layer is no text, or too many of its Latin words are none."""
    return (
        _is_no_text(features, settings)
        or (features.script == "latin" and _has_no_words(features, settings))
        or (features.script == "none" and features.script_oddness >= settings.max_script_oddness)
    )


def _is_no_text(features: PageFeatures, settings: RoutingSettings) -> bool:
    return (
        features.unmapped_share >= settings.max_unmapped
        or features.control_share >= settings.max_control
        or features.private_use_share >= settings.max_private_use
    )


def _has_no_words(features: PageFeatures, settings: RoutingSettings) -> bool:
    if features.words >= settings.min_words and features.vowelless_share >= settings.max_vowelless:
        return True
    suspect = features.words >= settings.stopword_min_words and features.stopword_share < settings.min_stopwords
    return suspect and (
        features.consonant_run_share >= settings.max_consonant_runs
        or not settings.min_vowels <= features.vowel_share <= settings.max_vowels
        or features.one_letter_share >= settings.max_one_letter
    )
