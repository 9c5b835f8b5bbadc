"""Runs of the fuzz targets of tests/fuzz.

In the suite quickly, and on the same examples each time; by `OCRMILL_FUZZ_EXAMPLES=20000` for long, and on new ones.

@fuzz(200)
@given(damaged([seed]))
def test_no_bytes_...
"""

import copy
import functools
import operator
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

Test = TypeVar("Test", bound=Callable[..., Any])

_CPU_LIMIT_S = 10.0  # of one example; most take milliseconds, and what grows with the square of its input minutes


def fuzz(examples: int) -> Callable[[Test], Test]:
    """Run a target on so many examples, or on as many as OCRMILL_FUZZ_EXAMPLES says."""
    examples = int(os.environ.get("OCRMILL_FUZZ_EXAMPLES", examples))
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
    return settings(
        max_examples=examples,
        derandomize="OCRMILL_FUZZ_EXAMPLES" not in os.environ,
        deadline=None,
        suppress_health_check=slow,
    )


@contextmanager
def ending_quickly() -> Iterator[None]:
    """Fail where something takes the CPU for long."""
    began = time.thread_time()
    yield
    assert time.thread_time() - began < _CPU_LIMIT_S


@st.composite
def damaged(draw: st.DrawFn, seeds: Sequence[bytes]) -> bytes:
    """One of the seeds with bytes overwritten, put in, taken out, copied or cut off; now and then untouched."""
    data = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(0, 5))):
        at = draw(st.integers(0, len(data)))
        change = draw(st.sampled_from([b"\0", b"\xff", b"\n", b"\x80\xff\xff\xff"]) | st.binary(min_size=1, max_size=8))
        match draw(st.sampled_from(["overwrite", "insert", "remove", "copy", "cut"])):
            case "overwrite":
                data[at : at + len(change)] = change
            case "insert":
                data[at:at] = change
            case "remove":
                del data[at : at + draw(st.integers(1, 64))]
            case "copy":
                data[at:at] = data[draw(st.integers(0, len(data))) :][: draw(st.integers(1, 600))]
            case "cut":
                del data[at:]
    return bytes(data)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=()), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
NESTED = b"[" * 200_000  # what makes a parser that recurses run out of stack


def altered(seed: Any) -> st.SearchStrategy[Any]:
    """JSON values like the seed: some values in it, at any depth, replaced by others of any type, or taken out."""
    edits = st.tuples(st.sampled_from(list(_places(seed))), st.booleans(), json_values)
    return st.lists(edits, max_size=3).map(lambda chosen: _edited(seed, chosen)) | json_values


def _places(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in inner:
        yield (*above, key)
        yield from _places(below, (*above, key))


def _edited(seed: Any, edits: Sequence[tuple[tuple[Any, ...], bool, Any]]) -> Any:
    value = copy.deepcopy(seed)
    for (*above, key), is_removed, new in edits:
        with suppress(KeyError, IndexError, TypeError):  # an earlier edit took the place away
            holder = functools.reduce(operator.getitem, above, value)
            if is_removed:
                del holder[key]
            else:
                holder[key] = new
    return value
