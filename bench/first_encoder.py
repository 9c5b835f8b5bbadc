"""vLLM's encoder of the first DeepSeek-OCR, out of its own modules, to compare ours with.

    python bench/encoder.py --model deepseek-ocr --mode base

The modules are built and called as vLLM's model does, page by page, and take the checkpoint's names.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ocrmill.model_adapter.vision.config import ClipEncoderConfig


class InTreeFirstEncoder(nn.Module):
    """vLLM's modules under the checkpoint's names, of any sizes."""

    def __init__(self, config: ClipEncoderConfig) -> None:
        super().__init__()
        from transformers import CLIPVisionConfig
        from vllm.model_executor.models.deepencoder import DeepCLIPVisionTransformer, ImageEncoderViT

        width = config.clip.width
        self.sam_model = ImageEncoderViT(
            embed_dim=config.sam.width,
            depth=config.sam.layers,
            num_heads=config.sam.heads,
            norm_layer=partial(nn.LayerNorm, eps=1e-6),
            use_rel_pos=True,
            window_size=config.sam.window_size,
            global_attn_indexes=config.sam.global_attn_indexes,
            last_conv_output=width,
        )
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
