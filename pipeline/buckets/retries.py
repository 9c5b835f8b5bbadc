"""Count what storage made this process do again, for the metrics of a run.

Not covered: requests that obstore (`gs://`, `az://`) repeats by itself, which it does not tell, and those of
rasterizers in processes of their own.
"""

import threading
from collections import Counter
from typing import Literal

Kind = Literal["request", "write"]
_lock = threading.Lock()
_counts: Counter[Kind] = Counter()


def count_retry(kind: Kind) -> None:
    """Count a request to a bucket that is sent again, or a write of rows to any store."""
    with _lock:
        _counts[kind] += 1


def retries() -> dict[Kind, int]:
    """Return the counts of this process so far, zeros included."""
    with _lock:
        return {"request": _counts["request"], "write": _counts["write"]}
