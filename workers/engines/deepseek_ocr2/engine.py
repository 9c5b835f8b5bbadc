"""DeepSeek-OCR in vLLM, either version: one engine, which decodes many pages at once and takes in others meanwhile.

vLLM runs in a process of its own (several with tensor parallelism); this one feeds it views and reads the stream of
tokens, so that a page that loops is stopped there.
"""

import math
import os
import time
from collections.abc import Mapping
from contextlib import aclosing
from itertools import count
from pathlib import Path
from typing import Any

from ocrmill.configs.engine_settings import DeepseekOcr2Settings, EngineSettings
from ocrmill.model_adapter.checkpoint.versions import FIRST, version_read_by
from ocrmill.model_adapter.decoding.loop_stop import LoopDetector, number_values
from ocrmill.model_adapter.lora.check import lora_rank
from ocrmill.model_adapter.lora.halves import AdapterHalves, split_adapter
from ocrmill.model_adapter.plugin import engine_arguments
from ocrmill.model_adapter.prompts import prompt_text
from ocrmill.model_adapter.views import PageViews
from ocrmill.pipeline.errors import EngineError
from ocrmill.pipeline.records import (
    EngineDescription,
    EngineDown,
    RetryParams,
)
from ocrmill.workers.engines.deepseek_ocr2.gpu_preset import with_gpu_preset
from ocrmill.workers.engines.deepseek_ocr2.page_reader import CELLS, DeepseekPageReader, OutputSoFar, describe_deepseek
from ocrmill.workers.engines.deepseek_ocr2.preflight import check, is_cpu_build, refuse
from ocrmill.workers.engines.deepseek_ocr2.vllm_log import VllmLog

STREAM_TOKENS = 8  # that vLLM sends at a time: sending, and looking for loops, costs an eighth of one by one
PREFERRED = {
    "DO_NOT_TRACK": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_LOGGING_LEVEL": "ERROR",
}
SCHEDULERS = {  # that take pages up in groups; vLLM schedules ahead on GPUs, and not on the CPU
    True: "ocrmill.model_adapter.page_groups.GroupedScheduler",
    False: "ocrmill.model_adapter.page_groups.GroupedAsyncScheduler",
}
NGRAM_BANS = {
    "v1": "ocrmill.model_adapter.decoding.ngram_ban:NGramBan",
    "v2": "ocrmill.model_adapter.decoding.device_ngram_ban:DeviceNGramBan",
}
REQUIRED = {
    "PYTHONSAFEPATH": "1",  # its processes take no module from the current folder, where the documents may be
    "VLLM_ENABLE_V1_MULTIPROCESSING": "1",  # its asynchronous engine does not run in this process
}


class DeepseekEngine(DeepseekPageReader):
    """Reads pages with the DeepSeek-OCR of its settings. Needs vLLM, and a GPU or vLLM's CPU build."""

    def __init__(self, settings: DeepseekOcr2Settings, page_timeout_s: float, most_tiles: int) -> None:
        """Start nothing yet; `most_tiles` are those of any attempt at a page."""
        super().__init__(settings)
        self._settings = with_gpu_preset(settings)
        self._version = version_read_by(settings.engine)
        self._most_tiles = most_tiles
        self._page_timeout_s = page_timeout_s
        self._numbers = count()
        self._in_work = 0  # pages
        self._moved = time.monotonic()
        self._log = VllmLog()
        self._llm: Any = None
        self._adapter = AdapterHalves()
        self._number_values: Mapping[int, int] = {}

    def describe(self) -> EngineDescription:
        """Model, prompt and how many pages it wants; loads nothing."""
        settings = self._settings
        slots = (settings.pages_in_flight or 0) + (settings.pages_ahead or 0)
        return describe_deepseek(settings, slots=slots, gpus=0 if is_cpu_build() else settings.tensor_parallel)

    async def start(self, memory: float) -> None:
        """Check everything that can be checked, then start vLLM and load the model.

        Args:
            memory: share of `gpu_memory` and `encoder_mb` to take; on a GPU vLLM's cache fills what it may take, so
                that fewer pages at a time would leave it as full.

        Raises:
            EngineError: with all that is missing, or what vLLM said.
        """
        share = self._settings.gpu_memory * memory
        refuse(check(self._settings.model_copy(update={"gpu_memory": share})))
        from_settings = {
            **({"VLLM_TUNED_CONFIG_FOLDER": self._settings.moe_tables} if self._settings.moe_tables else {}),
            "VLLM_CPU_KVCACHE_SPACE": str(self._settings.cpu_cache_gb),
            "VLLM_EXECUTE_MODEL_TIMEOUT_SECONDS": str(math.ceil(self._page_timeout_s)),  # of a step; a page has many
        }
        runner = {"VLLM_USE_V2_MODEL_RUNNER": str(int(self._settings.model_runner == "v2"))}
        os.environ.update(PREFERRED | from_settings | os.environ | REQUIRED | runner)
        from vllm.engine.arg_utils import AsyncEngineArgs
        from vllm.v1.engine.async_llm import AsyncLLM

        if self._settings.lora is not None:
            self._adapter = split_adapter(Path(self._settings.lora))
        try:
            with self._log.written_by_children():
                self._llm = AsyncLLM.from_engine_args(AsyncEngineArgs(**self._engine_arguments(memory)))
        except Exception as error:  # vLLM raises of every kind
            raise EngineError(f"vLLM did not start: {self._log.cause() or error}") from error
        self._number_values = number_values(self._llm.get_tokenizer().get_vocab())

    def idle_s(self) -> float:
        """Return the seconds since vLLM last wrote on any page, or got the first one."""
        return time.monotonic() - self._moved

    async def close(self) -> None:
        """End vLLM's processes."""
        if self._llm is not None:
            self._llm.shutdown()
            self._llm = None
        self._adapter.close()
        self._log.close()

    async def _write(self, views: PageViews, prompt: str, params: RetryParams) -> OutputSoFar | EngineDown:
        """The model's output as it comes, cut off where it loops."""
        from vllm.v1.engine.exceptions import EngineDeadError

        if not self._in_work:
            self._moved = time.monotonic()
        self._in_work += 1
        detector = LoopDetector(self._number_values) if self._settings.stop_loops else None
        written = OutputSoFar()
        name = f"page-{next(self._numbers)}"
        try:
            page = {"prompt": prompt_text(prompt), "multi_modal_data": {"image": views}}
            (request,) = await self._llm.renderer.render_cmpl_async([page])
            tokens = self._llm.generate(request, self._sampling_params(params), name, lora_request=self._lora_request())
            async with aclosing(tokens) as stream:
                async for output in stream:
                    self._moved = time.monotonic()
                    written.first_token = written.first_token or time.time()
                    new = output.outputs[0]
                    written.prompt_tokens = len(output.prompt_token_ids or ())
                    written.text += new.text
                    written.output_tokens += len(new.token_ids)
                    written.finish_reason = new.finish_reason
                    if detector is not None and new.finish_reason is None and detector.push(new.token_ids):
                        written.finish_reason = "repetition"
                        break  # closing the stream tells vLLM to drop the page
        except EngineDeadError:
            detail = self._log.cause() or "vLLM's engine process ended without a word"
            return EngineDown(f"vLLM died: {detail}", out_of_memory=self._log.is_out_of_memory())
        finally:
            self._in_work -= 1
        return written

    def _engine_arguments(self, memory: float) -> dict[str, Any]:
        from vllm.platforms import current_platform

        settings = self._settings
        mode = settings.views[0] if self._version is FIRST else None
        arguments = {
            **engine_arguments(self._most_tiles, self._version, mode),
            "model": settings.model,
            "revision": settings.revision,
            "dtype": settings.dtype,
            "max_model_len": settings.max_model_len,
            "max_num_seqs": settings.pages_in_flight,
            "max_num_batched_tokens": settings.prefill_tokens,
            "gpu_memory_utilization": settings.gpu_memory * memory,
            "tensor_parallel_size": settings.tensor_parallel,
            "distributed_executor_backend": "mp" if settings.tensor_parallel > 1 else None,  # else vLLM would join Ray
            "enforce_eager": current_platform.is_cpu(),  # compiling takes longer than it saves there
            "scheduler_cls": SCHEDULERS[current_platform.is_cpu()],
            "stream_interval": STREAM_TOKENS,
            "logits_processors": [NGRAM_BANS[settings.model_runner]],
            "kv_cache_dtype": settings.kv_cache,
            "additional_config": {
                "encoder_memory_mb": int((settings.encoder_mb or 0) * memory),
                "encoder_attention": settings.encoder_attention,
                "encoder_compile": settings.encoder_compile,
            },
            "disable_log_stats": True,
        }
        if settings.encoder_graphs:
            tokens = self._layout.with_max_tiles(self._most_tiles).graph_tokens()
            arguments["compilation_config"] = {
                "cudagraph_mm_encoder": True,
                "encoder_cudagraph_token_budgets": tokens,
                "encoder_cudagraph_max_vision_items_per_batch": max(tokens) // self._layout.global_tokens,
            }
        if self._adapter.encoder is not None:
            arguments["additional_config"]["encoder_adapter"] = str(self._adapter.encoder)
        if self._adapter.decoder is not None:
            arguments |= {"enable_lora": True, "max_lora_rank": lora_rank(self._adapter.decoder)}
        return arguments

    def _sampling_params(self, params: RetryParams) -> Any:
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        settings = self._settings
        rule = {
            "ngram_size": params.ngram_size,
            "window_size": params.ngram_window,
            "whitelist_token_ids": list(CELLS),
        }
        return SamplingParams(
            temperature=params.temperature,  # without it vLLM samples: the checkpoint has no generation_config.json
            # So that a page reads alike the next time. On the CPU a seed ends vLLM when it reads a prompt in pieces: it
            # wants to turn the generator back for each, which only those of GPUs can do.
            seed=0 if params.temperature and not is_cpu_build() else None,
            skip_special_tokens=False,  # the marks of blocks and cells are special tokens
            spaces_between_special_tokens=False,
            max_tokens=settings.max_output_tokens,
            output_kind=RequestOutputKind.DELTA,
            extra_args=rule if params.ngram_size else None,
        )

    def _lora_request(self) -> Any:
        if self._adapter.decoder is None:
            return None
        from vllm.lora.request import LoRARequest

        return LoRARequest("adapter", 1, str(self._adapter.decoder))


class DeepseekOcr2Engine(DeepseekEngine):
    """The engine `deepseek-ocr2`."""

    def __init__(self, settings: EngineSettings) -> None:
        super().__init__(settings.deepseek_ocr2, settings.page_timeout_s, settings.most_tiles)
