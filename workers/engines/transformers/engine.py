"""DeepSeek-OCR 2 by transformers' own classes: pages in batches, on a CPU, an Apple GPU or one of NVIDIA's.

`generate` takes no page up while it decodes, as vLLM does: a batch lasts as long as its longest page. So this engine is
for machines without vLLM, not for speed. Views, prompts, rules of decoding and the text of a page are those of
`deepseek-ocr2`.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ocrmill.configs.engine_settings import EngineSettings
from ocrmill.model_adapter.decoding.ngram_rule import NGramRule
from ocrmill.model_adapter.views import PageViews
from ocrmill.pipeline.errors import EngineError
from ocrmill.pipeline.records import (
    EngineDescription,
    EngineDown,
    Failure,
    Reason,
    RetryParams,
)
from ocrmill.workers.engines.deepseek_ocr2.page_reader import CELLS, DeepseekPageReader, OutputSoFar, describe_deepseek
from ocrmill.workers.engines.deepseek_ocr2.preflight import refuse
from ocrmill.workers.engines.transformers.preflight import check, uses_gpu

if TYPE_CHECKING:
    from ocrmill.model_adapter.native.model import NativeModel

LINGER_S = 0.5  # that a batch waits for further pages; decoding one takes many times as long
Outcome = OutputSoFar | EngineDown | Failure


@dataclass(frozen=True, slots=True)
class _Waiting:
    views: PageViews
    prompt: str
    params: RetryParams
    outcome: "asyncio.Future[Outcome]"


class TransformersEngine(DeepseekPageReader):
    """The engine `transformers`."""

    def __init__(self, settings: EngineSettings) -> None:
        super().__init__(settings.transformers)
        self._settings = settings.transformers
        self._batch_pages = self._settings.batch_pages
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="transformers")
        self._waiting: deque[_Waiting] = deque()
        self._worker: asyncio.Task[None] | None = None
        self._moved = time.monotonic()
        self._closing = threading.Event()
        self._model: NativeModel | None = None

    def describe(self) -> EngineDescription:
        """Model, prompt and how many pages it wants: a batch, and the next one; loads nothing."""
        slots = 2 * self._settings.batch_pages
        return describe_deepseek(self._settings, slots=slots, gpus=int(uses_gpu(self._settings)))

    async def start(self, memory: float) -> None:
        """Check everything that can be checked, then load the model.

        Args:
            memory: share of `batch_pages` to take.

        Raises:
            EngineError: with all that is missing, or what transformers said.
        """
        refuse(check(self._settings), self._settings.engine)
        self._batch_pages = max(1, int(self._settings.batch_pages * memory))
        try:
            self._model = await asyncio.get_running_loop().run_in_executor(self._thread, self._load)
        except Exception as error:  # of any kind, from transformers, torch or the hub
            raise EngineError(f"transformers did not load the model: {error}") from error

    def idle_s(self) -> float:
        """Since it last wrote a token of any page, or encoded one."""
        return time.monotonic() - self._moved

    async def close(self) -> None:
        """End the batch in work at its next token, and drop the pages that wait."""
        self._closing.set()
        self._thread.shutdown(wait=False, cancel_futures=True)
        if self._worker is not None:
            self._worker.cancel()

    async def _write(self, views: PageViews, prompt: str, params: RetryParams) -> Outcome:
        loop = asyncio.get_running_loop()
        waiting = _Waiting(views, prompt, params, loop.create_future())
        self._waiting.append(waiting)
        if self._worker is None or self._worker.done():
            self._moved = time.monotonic()
            self._worker = loop.create_task(self._work())
        return await waiting.outcome

    async def _work(self) -> None:
        """Read batches until no page waits."""
        while self._waiting:
            if len(self._waiting) < self._batch_pages:
                await asyncio.sleep(LINGER_S)
            number = min(self._batch_pages, len(self._waiting))
            batch = [page for page in (self._waiting.popleft() for _ in range(number)) if not page.outcome.done()]
            outcomes = await asyncio.get_running_loop().run_in_executor(self._thread, self._read_batch, batch)
            for page, outcome in zip(batch, outcomes, strict=True):
                if not page.outcome.done():
                    page.outcome.set_result(outcome)

    def _read_batch(self, batch: Sequence[_Waiting]) -> Sequence[Outcome]:
        """Read pages together; if that fails, each one alone, so that it fails alone."""
        try:
            return self._generate(batch) if batch else ()
        except MemoryError as error:
            return [EngineDown(f"transformers ran out of memory: {error}", out_of_memory=True)] * len(batch)
        except Exception as error:  # noqa: BLE001 - of any kind, from transformers or torch
            if len(batch) > 1:
                return [outcome for page in batch for outcome in self._read_batch([page])]
            return [Failure(Reason.ENGINE_ERROR, f"transformers cannot read the page: {type(error).__name__}: {error}")]

    def _generate(self, batch: Sequence[_Waiting]) -> list[Outcome]:
        from ocrmill.model_adapter.native.model import PageRequest

        assert self._model is not None, "it was started"
        requests = [PageRequest(page.views, page.prompt, _rule(page.params), page.params.temperature) for page in batch]
        outputs = self._model.read(
            requests,
            most_output=self._settings.max_output_tokens,
            most_tokens=self._settings.max_model_len,
            stop_loops=self._settings.stop_loops,
            on_step=self._step,
        )
        return [
            OutputSoFar(output.text, output.prompt_tokens, output.output_tokens, output.finish_reason)
            for output in outputs
        ]

    def _step(self) -> bool:
        self._moved = time.monotonic()
        return self._closing.is_set()

    def _load(self) -> Any:
        from ocrmill.model_adapter.native.model import NativeModel

        settings = self._settings
        folder = Path(settings.model)
        if not folder.is_dir():
            from huggingface_hub import snapshot_download

            files = ["*.json", "*.safetensors"]  # never the repository's code
            folder = Path(snapshot_download(settings.model, revision=settings.revision, allow_patterns=files))
        lora = None if settings.lora is None else Path(settings.lora)
        return NativeModel(folder, device=settings.device, dtype=settings.dtype, lora=lora)


def _rule(params: RetryParams) -> NGramRule | None:
    if not params.ngram_size:
        return None
    return NGramRule(params.ngram_size, params.ngram_window, frozenset(CELLS))
