"""Engines of vLLM in this process, of our models and of its own, and what they write.

vLLM's models have the published sizes in their code, so that tests replace the parts that set them.
"""

import gc
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from bench import torchvision_stand_in
from ocrmill.model_adapter.checkpoint.published_weights import published_shapes
from ocrmill.model_adapter.checkpoint.seeded import WEIGHTS_FILE, write_seeded_weights
from ocrmill.model_adapter.prompts import prompt_text

SETTINGS = {"dtype": "float32", "enforce_eager": True, "max_num_seqs": 2, "skip_mm_profiling": True}
TOKENS = 16  # that are written for a page
LARGEST_DIFFERENCE = 1e-3  # of log probabilities, in float32

Reading = tuple[list[list[int]], list[npt.NDArray[np.float64]]]
"""Greedy tokens of each page, and the log probability of each id of its prompt."""


def resize(folder: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """Give the encoder of a seeded checkpoint other sizes, by what changes its `width`, and seed its weights again."""
    config = json.loads((folder / "config.json").read_text())
    change(config["vision_config"]["width"])
    (folder / "config.json").write_text(json.dumps(config))
    write_seeded_weights(folder / WEIGHTS_FILE, published_shapes(config))
    return folder


@contextmanager
def stand_in_for_torchvision(folder: Path) -> Iterator[None]:
    """Offer vLLM's own models what they need of torchvision, in this process and in those that vLLM starts."""
    path = sys.path[:]
    folder.mkdir()
    torchvision_stand_in.install(folder)
    is_missing = find_spec("torchvision") is None
    if is_missing:
        torchvision_stand_in.register()
    yield
    sys.path[:] = path
    for name in [name for name in sys.modules if is_missing and name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]


@contextmanager
def started(folder: Path, **arguments: Any) -> Iterator[Any]:
    """An engine in this process, one at a time."""
    from vllm import LLM
    from vllm.distributed import cleanup_dist_env_and_memory

    llm = LLM(str(folder), **{**SETTINGS, **arguments})
    yield llm
    llm.llm_engine.engine_core.shutdown()
    del llm
    gc.collect()
    cleanup_dist_env_and_memory()


def read(llm: Any, pages: Sequence[Image.Image]) -> Reading:
    """Read pages with an engine."""
    from vllm import SamplingParams

    requests = [{"prompt": prompt_text(), "multi_modal_data": {"image": page}} for page in pages]
    greedy = SamplingParams(temperature=0.0, max_tokens=TOKENS, ignore_eos=True, prompt_logprobs=0)
    outputs = llm.generate(requests, greedy, use_tqdm=False)
    logprobs = [
        np.array(
            [
                logprob[token].logprob
                for token, logprob in list(zip(output.prompt_token_ids, output.prompt_logprobs, strict=True))[1:]
            ]
        )
        for output in outputs
    ]
    return [list(output.outputs[0].token_ids) for output in outputs], logprobs


def assert_read_alike(ours: Reading, theirs: Reading) -> None:
    """Equal prompts, equal greedy tokens, and log probabilities within rounding."""
    (tokens, logprobs), (expected, their_logprobs) = ours, theirs
    assert tokens == expected
    assert len({token for page in tokens for token in page}) > 4, "a model that always writes one word proves little"
    for mine, same in zip(logprobs, their_logprobs, strict=True):
        assert mine.shape == same.shape
        assert float(np.abs(mine - same).max()) < LARGEST_DIFFERENCE
