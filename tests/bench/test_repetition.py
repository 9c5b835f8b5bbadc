"""The labelled set of the repetition flag: the same on every machine, and judged right where nothing is held back."""

from pathlib import Path

import pytest

from bench.repetition.__main__ import Labelled, draw_set, fingerprint, judged
from bench.repetition.pages import LEAST_CHARS, read_pages
from bench.repetition.rules import RULES, repeats_in_a_row
from samples.prose import TIDE_MILL

SAMPLES = Path(__file__).parents[2] / "samples"
FINGERPRINT = "2a3ab349181e734a"  # of the set below; another one means that figures of before are those of another set


@pytest.fixture(scope="module")
def labelled() -> list[Labelled]:
    """Six texts of each kind, in the sample pages but the one that says the same on purpose."""
    pages = (page for page in read_pages(SAMPLES, []) if page.document != "messages.pdf")
    hosts = [page for page in pages if len(page.text) >= LEAST_CHARS]
    return list(draw_set(hosts, "tuning", 6))


def test_seeds_draw_the_same_set(labelled: list[Labelled]) -> None:
    """Texts come from their seeds alone."""
    assert fingerprint(labelled) == FINGERPRINT


def test_the_flag_tells_loops_from_hard_negatives(labelled: list[Labelled]) -> None:
    """Every loop of the tuned kinds is flagged, and no hard negative."""
    wrong = {}
    for each in labelled:
        row = judged(each, ["ocrmill"])
        if row.flagged["ocrmill"] != (row.texts if each.least else 0):
            wrong[each.kind] = row.flagged["ocrmill"]

    assert wrong == {}


def test_the_rule_of_vllm_is_its_own() -> None:
    """Our faster way to ask after every token says the same as vLLM's function."""
    vllm = pytest.importorskip("vllm.v1.core.sched.utils")
    params = pytest.importorskip("vllm.sampling_params").RepetitionDetectionParams(
        max_pattern_size=6, min_pattern_size=1, min_count=3
    )
    for text in ("abcabcabd", "abcabcabcabd", "aaab", "aab", "xyxyxyz", "abababbaba", "abcdefg" * 3, ""):
        tokens = list(map(ord, text))
        theirs = any(vllm.check_sequence_repetition(tokens[:end], params) for end in range(1, len(tokens) + 1))

        assert repeats_in_a_row(tokens, most_tokens=6, turns=3) == theirs, text


@pytest.mark.parametrize("rule", sorted(set(RULES) - {"no EOS"}))
def test_each_rule_finds_a_plain_loop_and_passes_prose(rule: str) -> None:
    """A line forty times is repetitive to every rule; a page of prose is to none."""
    prose = "\n\n".join(text for style, text in TIDE_MILL[0] if style == "paragraph")

    assert RULES[rule]("The quick brown fox jumps over the lazy dog.\n" * 40, "stop")
    assert not RULES[rule](prose, "stop")
