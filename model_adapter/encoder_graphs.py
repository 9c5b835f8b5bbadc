"""CUDA graphs of the vision encoder, by vLLM's protocol: the launches of hundreds of kernels become one.

Global views and tiles are two paths, each with a graph for some numbers of views. vLLM packs pages until a graph is
full and fills it up with empty views, which no other view sees; more views than any graph has are encoded without one.
"""

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from vllm.config import VllmConfig
from vllm.model_executor.models.interfaces import SupportsEncoderCudaGraph
from vllm.v1.worker.encoder_cudagraph_defs import (
    EncoderCudaGraphCaptureInputs,
    EncoderCudaGraphConfig,
    EncoderCudaGraphPathConfig,
    EncoderCudaGraphReplayBuffers,
    EncoderItemSpec,
)

from ocrmill.model_adapter.tiling import PATCH_SIZE, Tiling, ViewLayout

if TYPE_CHECKING:
    from ocrmill.model_adapter.vision.encoder import DeepEncoder

KEYS = {
    "global": "global_view_nhwc",
    "tiles": "tiles_nhwc",
}  # path -> the argument of `embed_multimodal` with its views
Pages = Mapping[str, Tensor]


class EncoderGraphs(SupportsEncoderCudaGraph):  # type: ignore[misc]
    """The part of a model that vLLM's EncoderCudaGraphManager asks."""

    encoder: "DeepEncoder"

    def get_encoder_cudagraph_config(self) -> EncoderCudaGraphConfig:
        """Name the paths and the tensors that a graph reads."""
        self._read_by_graphs: list[Any] = []
        return EncoderCudaGraphConfig(
            modalities=["image"],
            buffer_keys=list(KEYS.values()),
            out_hidden_size=self.encoder.projector.out_features,
            paths={path: EncoderCudaGraphPathConfig(allow_zero_tokens=path == "tiles") for path in KEYS},
        )

    def get_encoder_cudagraph_budget_range(self, vllm_config: VllmConfig) -> tuple[int, int]:  # noqa: ARG002
        """Return the tokens of the smallest and of the largest graph."""
        tokens = self.encoder.layout.graph_tokens()
        return tokens[0], tokens[-1]

    def get_encoder_cudagraph_item_specs(self, mm_kwargs: Pages) -> list[EncoderItemSpec]:
        """Tell the tokens of each page on each path."""
        layout = self.encoder.layout
        grids = zip(mm_kwargs["num_tiles"].tolist(), mm_kwargs["columns"].tolist(), strict=True)  # both on the CPU
        return [
            EncoderItemSpec(
                input_size=(layout.global_px**2 + tiles * layout.tile_px**2) // PATCH_SIZE**2,
                output_tokens=layout.num_visual_tokens(Tiling(columns, tiles // columns)),
                path_output_tokens={"global": layout.global_tokens, "tiles": tiles * layout.tile_tokens},
            )
            for tiles, columns in grids
        ]

    def select_encoder_cudagraph_items(self, mm_kwargs: Pages, indices: list[int]) -> dict[str, Tensor]:
        """Take some pages out of many."""
        tiles = torch.split(mm_kwargs["tiles_nhwc"], mm_kwargs["num_tiles"].tolist())
        return {
            "global_view_nhwc": mm_kwargs["global_view_nhwc"][indices],
            "tiles_nhwc": torch.cat([mm_kwargs["tiles_nhwc"][:0], *(tiles[index] for index in indices)]),
            "num_tiles": mm_kwargs["num_tiles"][indices],
            "columns": mm_kwargs["columns"][indices],
        }

    def prepare_encoder_cudagraph_capture_inputs(
        self,
        token_budget: int,
        max_batch_size: int,  # noqa: ARG002
        max_frames_per_batch: int,  # noqa: ARG002
        device: torch.device,
        dtype: torch.dtype,  # noqa: ARG002
        path: str = "default",
        axis_keys: tuple[Hashable, ...] | None = None,  # noqa: ARG002
    ) -> EncoderCudaGraphCaptureInputs:
        """Make the views that a graph will read, as many as its tokens are, and keep what else it reads."""
        size, tokens = _view_of(path, self.encoder.layout)
        views = torch.zeros(token_budget // tokens, size, size, 3, dtype=torch.uint8, device=device)
        self._read_by_graphs.append(self.encoder.sam.constants(views))
        return EncoderCudaGraphCaptureInputs({KEYS[path]: views})

    def prepare_encoder_cudagraph_replay_buffers(
        self,
        mm_kwargs: Pages,
        max_batch_size: int,  # noqa: ARG002
        max_frames_per_batch: int,  # noqa: ARG002
        path: str = "default",
    ) -> EncoderCudaGraphReplayBuffers:
        """Give the views of some pages to a graph."""
        return EncoderCudaGraphReplayBuffers({KEYS[path]: mm_kwargs[KEYS[path]]})

    def encoder_cudagraph_forward(self, inputs: Pages, path: str = "default") -> Tensor:
        """Encode the views of a path: (tokens, width)."""
        return self.encoder.encode(inputs[KEYS[path]]).flatten(0, 1)

    encoder_eager_forward = encoder_cudagraph_forward

    def postprocess_encoder_output(
        self,
        outputs: dict[str, Tensor],
        indices: list[int],
        per_item_out_tokens: list[int],  # noqa: ARG002
        dest: dict[int, Tensor] | list[Tensor | None],
        clone: bool = False,  # noqa: ARG002 - joining copies
        batch_mm_kwargs: Pages | None = None,
    ) -> None:
        """Join the tokens of each page, and leave those of empty views."""
        assert batch_mm_kwargs is not None
        tiles_per_page = batch_mm_kwargs["num_tiles"].tolist()
        numbers = {"global": len(indices), "tiles": sum(tiles_per_page)}
        views = {}
        for path in KEYS:
            _, tokens = _view_of(path, self.encoder.layout)
            given = outputs.get(path, outputs["global"][:0])  # a path without views is left out
            views[path] = given[: numbers[path] * tokens].view(numbers[path], tokens, given.shape[1])
        columns = batch_mm_kwargs["columns"].tolist()
        pages = self.encoder.join(views["global"], views["tiles"], tiles_per_page, columns)
        for index, page in zip(indices, pages, strict=True):
            dest[index] = page


def _view_of(path: str, layout: ViewLayout) -> tuple[int, int]:
    """Return the size of a path's views, in pixels, and their tokens."""
    if path == "global":
        return layout.global_px, layout.global_tokens
    return layout.tile_px, layout.tile_tokens
