"""The number of pages that one server has at a time: it grows while the first token comes as soon as before.

A server with free slots starts on a page at once, and the time to its first token is that of its image and prompt; one
that is full lets pages wait, and this time grows. The length of a page's text has no part in it. So after each window
of answers the mean of these times is compared with the least time of all answers: if it is nearly as good, the limit
grows (it doubles until the first sign of a queue, then by a tenth), and if it is much worse, it shrinks. A refusal for
want of room (429, 503) halves it.
"""

from statistics import fmean

START = 8
_FEWEST = 4  # answers of a window
_FLAT, _FLAT_S = 1.5, 1.0  # the mean is good up to this factor of the least time and so many seconds more
_SLOW, _SLOW_S = 3.0, 3.0  # from here on pages wait for each other
_SHRINK, _HALF, _GROW = 0.8, 0.5, 1.1
_FULL = 0.75  # of the limit: with fewer in flight an answer says nothing of what more would do


class InFlightLimit:
    """Follows one server."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.value = min(START, most)
        self.generation = 0  # of the value: answers to requests that were sent under another say nothing
        self._doubles = True
        self._least: float | None = None
        self._times: list[float] = []

    def note_answer(self, first_s: float, in_flight: int, generation: int) -> None:
        """Take in an answer: seconds to its first token, and the pages in flight when it was asked for."""
        if generation != self.generation or in_flight < _FULL * self.value:
            return
        self._times.append(first_s)
        if len(self._times) < max(_FEWEST, self.value // 2):
            return
        mean = fmean(self._times)
        fastest = min(self._times)
        if self._least is None or self.value == 1:  # alone a page waits for no other: the server is as slow as that
            self._least = fastest
        least = min(fastest, self._least)
        self._least = least
        if mean <= _FLAT * least + _FLAT_S:
            self._set(self.value * 2 if self._doubles else max(self.value + 1, int(self.value * _GROW)))
        elif mean > _SLOW * least + _SLOW_S:
            self._doubles = False
            self._set(int(self.value * _SHRINK))
        else:
            self._doubles = False
            self._times.clear()

    def halve(self, generation: int) -> None:
        """Take in a refusal for want of room; of those to requests of one generation only the first counts."""
        if generation == self.generation:
            self._doubles = False
            self._set(int(self.value * _HALF))

    def restart(self) -> None:
        """Begin again with one page: the server was down."""
        self._doubles = True
        self._set(1)

    def _set(self, value: int) -> None:
        self.value = min(max(1, value), self._most)
        self.generation += 1
        self._times.clear()
