"""Slow calls, made ahead in threads, with results in order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

AT_ONCE = 32  # a request to a bucket takes 20 to 100 ms and hardly any CPU

_Item = TypeVar("_Item")
_Answer = TypeVar("_Answer")


def in_order(
    ask: Callable[[_Item], _Answer], items: Iterable[_Item], *, is_slow: Callable[[_Item], bool]
) -> Iterator[_Answer]:
    """Yield `ask(item)` for each item, in order; meanwhile threads ask for the slow ones of the next 32."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        coming: deque[Callable[[], _Answer]] = deque()
        for item in items:
            coming.append(pool.submit(ask, item).result if is_slow(item) else partial(ask, item))
            if len(coming) > AT_ONCE:
                yield coming.popleft()()
        while coming:
            yield coming.popleft()()
