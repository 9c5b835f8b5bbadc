"""CUDA graphs of the encoder, by vLLM's own manager on a CPU: a graph there is the list of operations that it ran."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from ocrmill.model_adapter.plugin import engine_arguments
from ocrmill.model_adapter.tiling import GLOBAL_SIZE, LAYOUTS, OCR2, TILE_SIZE

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore")  # vLLM's own imports warn

TILES_PER_PAGE = [2, 0, 3, 1]  # a graph has two: three are too many, and one leaves room


class Recorded:
    """The operations of a capture, which a replay runs again on the same memory, whatever Python would do now."""

    def __init__(self) -> None:
        self.operations: list[tuple[Any, Any, Any, Any]] = []
        self.replays = 0

    def replay(self) -> None:
        from torch.utils._pytree import tree_leaves

        self.replays += 1
        for function, args, kwargs, result in self.operations:
            again = function(*args, **kwargs)
            for new, old in zip(tree_leaves(again), tree_leaves(result), strict=True):
                if isinstance(old, torch.Tensor) and new.data_ptr() != old.data_ptr():
                    old.copy_(new)


@pytest.fixture
def graphs(monkeypatch: pytest.MonkeyPatch) -> list[Recorded]:
    """The graphs that are captured; CUDA's classes are replaced by a recorder of operations."""
    from contextlib import contextmanager

    from torch.utils._python_dispatch import TorchDispatchMode

    made: list[Recorded] = []

    class Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
        def __init__(self, graph: Recorded) -> None:
            super().__init__()  # type: ignore[no-untyped-call]
            self.graph = graph

        def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            result = function(*args, **(kwargs or {}))
            self.graph.operations.append((function, args, kwargs or {}, result))
            return result

    @contextmanager
    def capture(graph: Recorded, **_settings: Any) -> Iterator[None]:
        made.append(graph)
        with Recorder(graph):
            yield

    monkeypatch.setattr(torch.cuda, "CUDAGraph", Recorded)
    monkeypatch.setattr(torch.cuda, "graph", capture)
    monkeypatch.setattr("vllm.v1.worker.encoder_cudagraph.current_stream", lambda: None)
    return made


@pytest.fixture(scope="module")
def make_manager(vllm_environment: Any, tiny_checkpoint: Any) -> Callable[..., Any]:
    """Make vLLM's manager for an encoder."""
    from vllm.engine.arg_utils import EngineArgs
    from vllm.v1.worker.encoder_cudagraph import EncoderCudaGraphManager

    from ocrmill.model_adapter.encoder_graphs import EncoderGraphs

    def make(encoder: Any, **compilation: Any) -> Any:
        arguments = {**engine_arguments(), "max_model_len": 2048, "compilation_config": compilation}
        config = EngineArgs(str(tiny_checkpoint), **arguments).create_engine_config()
        model = EncoderGraphs()
        model.encoder = encoder
        return EncoderCudaGraphManager(config, torch.device("cpu"), torch.float32, model)

    return make


def pages() -> dict[str, Any]:
    """Pages as the processor gives them to the model."""
    draw = np.random.default_rng(0)

    def views(count: int, size: int) -> Any:
        return torch.from_numpy(draw.integers(0, 256, (count, size, size, 3), dtype=np.uint8))

    return {
        "global_view_nhwc": views(len(TILES_PER_PAGE), GLOBAL_SIZE),
        "tiles_nhwc": views(sum(TILES_PER_PAGE), TILE_SIZE),
        "num_tiles": torch.tensor(TILES_PER_PAGE),
        "columns": torch.ones(len(TILES_PER_PAGE), dtype=torch.int64),
    }


@torch.inference_mode()  # type: ignore[untyped-decorator]
def test_graphs_give_what_the_encoder_gives(
    graphs: list[Recorded], make_manager: Any, small_config: Any, seeded_encoder: Any
) -> None:
    """Pages of any tiles, packed by vLLM into graphs filled up with empty views, get their own embeddings in order."""
    encoder, given = seeded_encoder(small_config), pages()
    expected = encoder(given["global_view_nhwc"], given["tiles_nhwc"], TILES_PER_PAGE)
    budgets = {"encoder_cudagraph_token_budgets": [288], "encoder_cudagraph_max_vision_items_per_batch": 1}
    manager = make_manager(encoder, **budgets)
    manager.capture(graph_pool=None)
    found = manager.execute(given)

    assert len(graphs) == manager.get_num_graphs_to_capture() == 2
    for page, right in zip(found, expected, strict=True):
        torch.testing.assert_close(page, right, rtol=1e-4, atol=1e-5)
    assert [graph.replays for graph in graphs] == [4, 2]  # all global views; the tiles of two pages


def test_budgets_without_settings_are_those_of_a_page(
    make_manager: Any, small_config: Any, seeded_encoder: Any
) -> None:
    """`vllm serve` with `cudagraph_mm_encoder` alone gets graphs from two tiles to a whole page."""
    manager = make_manager(seeded_encoder(small_config))

    assert manager.path_token_budgets == {"global": [288, 576, 864], "tiles": [0, 288, 576, 864]}
    assert manager.max_batch_size == 3
    assert OCR2.with_max_tiles(0).graph_tokens() == [256]
    assert OCR2.with_max_tiles(9).graph_tokens() == [288, 432, 576, 720, 864, 1296]
    assert LAYOUTS["gundam"].graph_tokens() == [256, 300, 400, 500, 600]  # no graph is too small for a global view


def test_vllm_takes_the_model_for_one_with_graphs(vllm_environment: Any) -> None:
    """Else it would leave the encoder without them, and say nothing; what its protocol asks is all ours."""
    from vllm.model_executor.models.interfaces import SupportsEncoderCudaGraph, supports_encoder_cudagraph

    from ocrmill.model_adapter.model import DeepseekOcrForCausalLM

    model = DeepseekOcrForCausalLM.__new__(DeepseekOcrForCausalLM)
    needless = {"get_input_modality", "get_max_frames_per_video"}  # one modality, and no video
    asked = {name for name, value in vars(SupportsEncoderCudaGraph).items() if callable(value) and name[0] != "_"}
    left = {name for name in asked if getattr(type(model), name) is vars(SupportsEncoderCudaGraph)[name]}

    assert supports_encoder_cudagraph(model)
    assert left == needless
