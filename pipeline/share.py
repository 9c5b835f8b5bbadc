"""Some of the sources of a run, chosen by a hash of their names: a sample for a trial, the share of one machine.

What is hashed is a source's name below the input folder or bucket that it was found in, so that machines which mount
the same documents at different places agree about them, and a trial draws the same documents again.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from heapq import nsmallest

from ocrmill.configs.part import MachineShare
from ocrmill.pipeline.records import Source


class SourceHash:
    """Gives each source a number that only its name below its input decides."""

    def __init__(self, roots: Sequence[str]) -> None:
        """Take the beginnings of URIs, each ending in a slash, that do not count."""
        self._roots = sorted(roots, key=len, reverse=True)

    def __call__(self, source: Source) -> int:
        """Give a number of 64 bits."""
        root = next((root for root in self._roots if source.uri.startswith(root)), "")
        name = source.uri[len(root) :]
        return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8])

    def sample(self, sources: Iterable[Source], size: int) -> list[Source]:
        """Draw so many sources, or all if there are fewer; every source has to be listed, `size` are kept in memory."""
        return nsmallest(size, sources, key=lambda source: (self(source), source.uri))

    def share(self, sources: Iterable[Source], machine: MachineShare) -> Iterator[Source]:
        """Pass on the sources of one machine as they come. No source is in two shares, each is in one."""
        return (source for source in sources if self(source) % machine.of == machine.number - 1)
