"""Measures of the text of a page: how much it repeats itself."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RepetitionMeasures:
    """Measures of repetition in a text (repetition.py and loops.py define each). Those with a default came later."""

    repetition_ratio: float
    repetition_period: int
    repeated_tail_chars: int
    compression_ratio: float
    longest_run: int
    content_ratio: float = 0.0  # compression of words and numbers, without the numbers that count on
    content_chars: int = 0  # of words and numbers, all of them
    counted_numbers: int = 0  # that count on
    loop_score: float = 0.0  # turns of the strongest loop over those that are too many
    loop_turns: int = 0
    loop_unit_chars: int = 0  # of one turn
