"""Seconds to encode pages with the first DeepSeek-OCR: our encoder against vLLM's, same weights, same pages.

    python bench/first_encoder.py [--mode base] [--mode gundam] [--pages 8] [--repeats 3] [--threads N]

Both have the published sizes and seeded weights in float32 on the CPU, and take turns at going first. vLLM's is built
of its own modules and goes page by page, as its model does; its pixels are normalised before the clock starts, while
ours come as bytes. A page is noise; with tiles it has six, in two columns. The ratio is that of each turn. Wall time is
what counts; CPU time is printed because it still compares where other processes take the cores away. Modes that vLLM's
own model cannot be started in are compared as well: its modules take any size.
"""

import argparse
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bench.encoder import distance, in_tree_sam, name_of, seeded, spread, timed
from ocrmill.model_adapter.tiling import FIRST_MODES, LAYOUTS
from ocrmill.model_adapter.views import cut_views
from ocrmill.model_adapter.vision.config import ClipEncoderConfig
from ocrmill.model_adapter.vision.encoder import DeepEncoderV1

LETTER = (1584, 1224, 3)  # at 144 dpi: six tiles, in two columns


class InTreeFirstEncoder(nn.Module):
    """vLLM's modules under the checkpoint's names, of any sizes."""

    def __init__(self, config: ClipEncoderConfig) -> None:
        super().__init__()
        from transformers import CLIPVisionConfig
        from vllm.model_executor.models.deepencoder import DeepCLIPVisionTransformer

        width = config.clip.width
        self.sam_model = in_tree_sam(config.sam, width)
        clip = CLIPVisionConfig(
            hidden_size=width,
            intermediate_size=4 * width,
            num_attention_heads=config.clip.heads,
            num_hidden_layers=config.clip.layers,
            image_size=224,
            patch_size=14,
            projection_dim=512,
            layer_norm_eps=1e-5,
        )
        self.vision_model = DeepCLIPVisionTransformer(config=clip, prefix="vision_model")
        self.projector = nn.ModuleDict({"layers": nn.Linear(2 * width, config.embedding_width)})
        self.image_newline = nn.Parameter(torch.zeros(config.embedding_width))
        self.view_seperator = nn.Parameter(torch.zeros(config.embedding_width))

    def load(self, weights: dict[str, Tensor]) -> None:
        """Take weights under the checkpoint's names, once; CLIP's own patches stay as they are, unused."""
        missing, unexpected = self.load_state_dict(weights, strict=False)
        unused = {f"vision_model.embeddings.{name}" for name in ("patch_embedding.weight", "position_ids")}
        assert not unexpected
        assert set(missing) <= unused, missing
        for module in self.modules():
            method: Any = getattr(module, "quant_method", None)
            if method is not None:
                method.process_weights_after_loading(module)  # which chooses the product of this machine

    def encode_page(self, global_pixels: Tensor, tile_pixels: Tensor, columns: int) -> Tensor:
        """Encode one page: tiles, global view, separator."""
        tokens = [self._rows(self._encode(global_pixels), 1), self.view_seperator[None]]
        if torch.sum(tile_pixels).item() != 0:
            tokens.insert(0, self._rows(self._encode(tile_pixels), columns))
        return torch.cat(tokens)

    def _encode(self, pixels: Tensor) -> Tensor:
        sam = self.sam_model(pixels)
        clip = self.vision_model(pixels, sam)
        features = torch.cat((clip[:, 1:], sam.flatten(2).permute(0, 2, 1)), dim=-1)
        embeddings: Tensor = self.projector["layers"](features)
        return embeddings

    def _rows(self, views: Tensor, columns: int) -> Tensor:
        number, tokens, width = views.shape
        side = round(tokens**0.5)
        grid = views.view(number // columns, columns, side, side, width).permute(0, 2, 1, 3, 4)
        rows = grid.reshape(-1, columns * side, width)
        return torch.cat([rows, self.image_newline[None, None].expand(len(rows), 1, width)], dim=1).flatten(0, 1)


@contextmanager
def vllm_layers() -> Iterator[None]:
    """Let vLLM's parallel layers be made and run in this process: one rank of one."""
    from vllm.config import VllmConfig, set_current_vllm_config
    from vllm.distributed import cleanup_dist_env_and_memory, init_distributed_environment, initialize_model_parallel

    with tempfile.TemporaryDirectory() as folder, set_current_vllm_config(VllmConfig()):
        address = f"file://{os.path.join(folder, 'ranks')}"  # noqa: PTH118
        init_distributed_environment(1, 0, address, 0, "gloo")
        initialize_model_parallel(1, 1)
        try:
            yield
        finally:
            cleanup_dist_env_and_memory()


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mode", action="append", choices=FIRST_MODES, help="repeatable; base and gundam by default")
    parser.add_argument("--pages", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    print(f"{name_of(torch.device('cpu'))}, {options.threads} threads, torch {torch.__version__}, float32")
    with torch.inference_mode(), vllm_layers():
        in_tree = InTreeFirstEncoder(ClipEncoderConfig())
        ours = DeepEncoderV1(ClipEncoderConfig())
        weights = {name: seeded(name, slot) for name, slot in ours.checkpoint_slots().items()}
        ours.load_weights(weights.items())
        in_tree.load(weights)
        del weights
        for mode in options.mode or ("base", "gundam"):
            compare(mode, ours, in_tree, options.pages, options.repeats)


def compare(mode: str, ours: DeepEncoderV1, in_tree: InTreeFirstEncoder, number: int, repeats: int) -> None:
    """Time both in turns in one mode."""
    ours.layout = LAYOUTS[mode]
    draw = np.random.default_rng(0)
    pages = [cut_views(draw.integers(0, 256, LETTER, dtype=np.uint8), ours.layout) for _ in range(number)]
    pixels = [(normalised(page.global_view[None]), normalised(page.tiles), page.columns) for page in pages]
    views = [torch.from_numpy(np.stack([page.global_view for page in pages]))]
    views.append(torch.from_numpy(np.concatenate([page.tiles for page in pages])))
    grids = [len(page.tiles) for page in pages], [page.columns for page in pages]
    encoders: dict[str, Callable[[], list[Tensor]]] = {
        "ours": partial(ours, *views, *grids),
        "in-tree": lambda: [in_tree.encode_page(*page) for page in pixels],
    }
    tokens = sum(ours.layout.num_visual_tokens(ours.layout.plan(LETTER[1], LETTER[0])) for _ in pages)
    print(f"{mode}: {number} pages, {tokens} embeddings", flush=True)
    first = slice(0, 1), slice(0, grids[0][0])  # a page, for which kernels are chosen and memory is taken
    ours(*(view[part] for view, part in zip(views, first, strict=True)), *(grid[:1] for grid in grids))
    in_tree.encode_page(*pixels[0])
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in encoders}
    results: dict[str, list[Tensor]] = {}
    for turn in range(repeats):
        for name in sorted(encoders, reverse=bool(turn % 2)):

            def encode(name: str = name) -> None:
                results[name] = encoders[name]()

            times[name].append(timed(encode, torch.device("cpu")))
    print(f"distance of the outputs, relative: {distance(results['ours'], results['in-tree']):.1e}")
    for name, both in times.items():
        print(f"{name:8} {spread([wall for wall, _ in both])} s, CPU {spread([cpu for _, cpu in both])} s")
    for clock, unit in enumerate(("wall", "CPU")):
        pairs = zip(times["in-tree"], times["ours"], strict=True)
        print(f"in-tree / ours, {mode}, {unit}: {spread([theirs[clock] / mine[clock] for theirs, mine in pairs])}")


def normalised(views: Any) -> Tensor:
    """Pixels as vLLM's modules take them."""
    return ((torch.from_numpy(views).float() / 255 - 0.5) / 0.5).permute(0, 3, 1, 2).contiguous()


if __name__ == "__main__":
    main()
