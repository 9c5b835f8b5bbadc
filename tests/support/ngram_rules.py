"""The no-repeat-n-gram rule as it was published, and parameters of it to try."""

from typing import Any

from hypothesis import strategies as st

small_ids = st.integers(0, 2)
rules = st.builds(
    lambda size, more, whitelist: {
        "ngram_size": size,
        "window_size": size + more,
        "whitelist_token_ids": sorted(whitelist),
    },
    st.integers(2, 5),
    st.integers(0, 9),
    st.sets(small_ids, max_size=2),
)


Rule = dict[str, Any]
"""The keys of a request's ban."""


def banned_by_rule(ids: list[int], ngram_size: int, window_size: int, whitelist_token_ids: list[int]) -> set[int]:
    """The official rule, word for word (model facts 6.2)."""
    prefix = ids[len(ids) - ngram_size + 1 :]
    starts = range(max(0, len(ids) - window_size), len(ids) - ngram_size + 1)
    banned = {ids[i + ngram_size - 1] for i in starts if ids[i : i + ngram_size - 1] == prefix}
    return banned - set(whitelist_token_ids)
