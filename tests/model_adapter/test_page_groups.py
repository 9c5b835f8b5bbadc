"""Pages are taken up in groups, in vLLM's own scheduler with two steps in flight; only the model is simulated."""

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("vllm")

from ocrmill.model_adapter.tiling import MAX_TILES

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # vLLM's own imports warn

# Means of the logarithm of an output's tokens: a third of a usual page's, or a sixth, so that the tests are short.
SHORT, SHORTER = 5.7, 5.0
ALONE_AT_MOST = 1.6  # pages a call with vLLM's own scheduler; 1.0 to 1.1 with pages of the usual length
LEAST_RUNNING = 0.97  # of the slots
SLOTS = 64


@pytest.fixture(scope="module")
def make(vllm_environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    from bench.page_groups import scheduler_factory

    return scheduler_factory(tmp_path_factory.mktemp("model"))


@pytest.mark.parametrize(
    ("slots", "pages", "log_mean", "least"), [(64, 400, SHORT, 4.0), (256, 1280, SHORTER, 6.0)], ids=str
)
def test_the_encoder_is_called_for_several_pages(
    make: Callable[..., Any], slots: int, pages: int, log_mean: float, least: float
) -> None:
    """In the steady state calls are full, and hardly a slot is idle."""
    from bench.page_groups import Feed, output_lengths, simulate
    from ocrmill.model_adapter.page_groups import GroupedAsyncScheduler

    feed, lengths = Feed(ahead=slots // 4), output_lengths(pages, log_mean, seed=1)
    ours = simulate(make(GroupedAsyncScheduler, slots), slots, feed, lengths)

    assert ours.pages_per_call(slots) >= least
    assert ours.mean_running(slots) >= LEAST_RUNNING * slots


def test_vllms_own_scheduler_calls_it_page_by_page(make: Callable[..., Any]) -> None:
    """Pages that come alike go one by one without our scheduler: what fills the calls is not how they come."""
    from vllm.v1.core.sched.async_scheduler import AsyncScheduler

    from bench.page_groups import Feed, output_lengths, simulate

    own = simulate(make(AsyncScheduler, SLOTS), SLOTS, Feed(ahead=SLOTS // 4), output_lengths(300, SHORT, seed=1))

    assert own.pages_per_call(SLOTS) < ALONE_AT_MOST


def test_pages_that_come_slowly_are_read_at_once(make: Callable[..., Any]) -> None:
    """No page waits beside a free slot if rasterizers are slower than the engine, nor at the end of a run."""
    from bench.page_groups import Feed, simulate
    from ocrmill.model_adapter.page_groups import GroupedAsyncScheduler

    counted = simulate(make(GroupedAsyncScheduler, SLOTS), SLOTS, Feed(page_ms=60.0), [100] * 200)

    assert counted.longest_hold == 0
    assert counted.finished[-1] == 200


def test_no_page_waits_for_pages_that_do_not_end(make: Callable[..., Any]) -> None:
    """Three slots become free and all others stay taken for long: the pages that wait get them after a bound."""
    from bench.page_groups import Feed, simulate
    from ocrmill.model_adapter.page_groups import MOST_STEPS_HELD, GroupedAsyncScheduler

    lengths = [50] * 3 + [1500] * (SLOTS - 3) + [20] * 20
    counted = simulate(make(GroupedAsyncScheduler, SLOTS), SLOTS, Feed(ahead=10), lengths)

    assert counted.longest_hold == MOST_STEPS_HELD
    assert counted.finished[-1] == len(lengths)


def test_pages_with_many_tokens_make_smaller_groups(make: Callable[..., Any]) -> None:
    """A group is never larger than what one call of the encoder may have, nor than a sixteenth of the slots."""
    from bench.page_groups import new_page
    from ocrmill.model_adapter.page_groups import GroupedAsyncScheduler

    for slots, group in ((8, 0), (64, 4), (512, 7)):
        scheduler = make(GroupedAsyncScheduler, slots)
        scheduler.add_request(new_page(0, 10))
        assert scheduler._group_size() == group
    assert MAX_TILES == 6  # seven pages of six tiles have 7,847 of 8,192 tokens
