"""vLLM's scheduler, which takes up waiting pages in groups, so that the vision encoder is called for several at once.

vLLM takes up a waiting page as soon as another one has ended. With 64 pages in flight one ends every 15 steps: the
encoder reads page by page, however many wait. Here a page waits until a sixteenth of the slots is free, or as many as
one call of the encoder may have. On average half of a group is then empty, at most 3 % of the slots.

A page never waits for others that do not come. If fewer pages wait than slots are free, all are taken up at once:
at the start and at the end of a run, and where pages are rendered more slowly than they are read. And no page waits for
longer than `MOST_STEPS_HELD` steps while slots are free, however long the pages in them become.

Hand its name to vLLM as `scheduler_cls`. It sees the pages that the engine has; groups that the process in front of the
engine made would fall apart, for a page of 13.8 MB arrives every few milliseconds, as often as a step ends
(bench/page_groups.py counts both). The scheduler is no public interface of vLLM, whose version is pinned.
"""

from typing import Any

from vllm.v1.core.sched.async_scheduler import AsyncScheduler
from vllm.v1.core.sched.output import SchedulerOutput
from vllm.v1.core.sched.scheduler import Scheduler

SLOTS_PER_PAGE_OF_A_GROUP = 16
MOST_STEPS_HELD = 256  # a second or two; at 64 slots and 1,000 tokens a page a group of four is complete after 60


class _InGroups:
    """The step of a scheduler in which waiting pages may be held back."""

    running: list[Any]  # these are vLLM's
    waiting: Any
    max_num_active_reqs: int
    max_num_encoder_input_tokens: int
    prefill_capacity_bound: bool

    _steps_held = 0

    def schedule(self, throttle_prefills: bool = False) -> SchedulerOutput:
        """Schedule a step; vLLM leaves waiting pages waiting where `throttle_prefills` says so."""
        holds_back = self._holds_back()
        self._steps_held = self._steps_held + 1 if holds_back else 0
        if holds_back:
            self.prefill_capacity_bound = False  # else vLLM does not listen when more pages wait than were taken up
        return super().schedule(throttle_prefills or holds_back)  # type: ignore[misc] # vLLM's class comes behind

    def _holds_back(self) -> bool:
        free = self.max_num_active_reqs - len(self.running)
        waiting = len(self.waiting)
        if not 0 < free < waiting or self._steps_held == MOST_STEPS_HELD:
            return False
        if any(request.is_prefill_chunk for request in self.running):
            return False  # a prompt that vLLM has begun is not held
        return free < self._group_size()

    def _group_size(self) -> int:
        """Return how many pages make a group: those of a call of the encoder, if there are slots for so many."""
        page = self.waiting.peek_request()
        embeds: int = page.get_num_encoder_embeds(0) if page.has_encoder_inputs else 1
        return min(self.max_num_active_reqs // SLOTS_PER_PAGE_OF_A_GROUP, self.max_num_encoder_input_tokens // embeds)


class GroupedScheduler(_InGroups, Scheduler):  # type: ignore[misc]
    """Schedules one step at a time."""


class GroupedAsyncScheduler(_InGroups, AsyncScheduler):  # type: ignore[misc]
    """Schedules a step while the one before is computed."""
