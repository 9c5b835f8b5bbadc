"""The further attempts that the settings allow, one after the other."""

from collections.abc import Sequence
from dataclasses import dataclass

from ocrmill.configs.engine_settings import EngineSettings
from ocrmill.configs.tries.rung import Rung
from ocrmill.pipeline.quality.attempts import find_defect
from ocrmill.pipeline.records import ENGINE_FAILURES, RetryParams
from ocrmill.pipeline.rows import PageRow

DEFECTS = frozenset(
    {"repetition", "truncated", "empty_output", "malformed_output", *(reason.value for reason in ENGINE_FAILURES)}
)


@dataclass(frozen=True, slots=True)
class Step:
    """One further attempt."""

    handles: frozenset[str]  # reasons and flags that it answers
    params: RetryParams | None = None  # the decoding, if that is another one
    rung: Rung | None = None  # by which the page is rendered again or read by something else
    at: int = 0  # the place of that rung in the settings

    def answers(self, row: PageRow) -> bool:
        """Tell if this attempt is to be made after a row."""
        return find_defect(row) in self.handles or not self.handles.isdisjoint(row.flags)


def make_steps(settings: EngineSettings, own: Sequence[RetryParams]) -> tuple[Step, ...]:
    """Return the attempts in their order; `own` are those that the engine brings."""
    steps: list[Step] = []
    for at, rung in enumerate(settings.tries.rungs):
        if rung.own:
            steps += [Step(frozenset(map(str, params.handles)), params) for params in own]
        else:
            params = _params(rung, settings)
            steps.append(Step(frozenset(rung.handles), params, rung if rung.rerenders else None, at))
    return tuple(steps)


def asked_flags(steps: Sequence[Step]) -> frozenset[str]:
    """Return the flags that some attempt answers."""
    return frozenset[str]().union(*(step.handles for step in steps)) - DEFECTS


def _params(rung: Rung, settings: EngineSettings) -> RetryParams | None:
    """Return the decoding of a rung; what it does not say is as in a first attempt."""
    if not {"prompt", "temperature", "ngram_size"} & {*rung.changed()}:
        return None
    model, profile = settings.deepseek_ocr2, settings.endpoint.profile
    usual = profile.sampling.temperature if profile and (rung.engine or settings.name) == "endpoint" else 0.0
    return RetryParams(
        frozenset(),
        model.ngram_size if rung.ngram_size is None else rung.ngram_size,
        model.ngram_window if rung.ngram_window is None else rung.ngram_window,
        rung.prompt,
        usual if rung.temperature is None else rung.temperature,
    )
