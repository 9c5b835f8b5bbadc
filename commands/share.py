"""Some of the sources of a run, chosen by a hash of their names: a sample for a trial, the share of one machine.

The hash is of a source's name below its input folder or bucket, so that machines that mount the same documents at
different places agree, and a trial draws the same documents again.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from heapq import nsmallest

from ocrmill.configs.part import MachineShare
from ocrmill.pipeline.records import Source


class SourceHash:
    """Hashes each source by its name below its input."""

    def __init__(self, roots: Sequence[str]) -> None:
        """Keep the prefixes of URIs, each ending in a slash, that are not hashed."""
        self._roots = sorted(roots, key=len, reverse=True)

    def __call__(self, source: Source) -> int:
        """Return a number of 64 bits."""
        root = next((root for root in self._roots if source.uri.startswith(root)), "")
        name = source.uri[len(root) :]
        return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8])

    def sample(self, sources: Iterable[Source], size: int) -> list[Source]:
        """Draw `size` sources, or all if there are fewer; it lists every source and keeps `size` in memory."""
        return nsmallest(size, sources, key=lambda source: (self(source), source.uri))

    def share(self, sources: Iterable[Source], machine: MachineShare) -> Iterator[Source]:
        """Yield the sources of one machine as they come. Each source is in exactly one share."""
        return (source for source in sources if self(source) % machine.of == machine.number - 1)
