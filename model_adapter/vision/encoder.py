"""DeepEncoder V2: the views of any number of pages to the embeddings that stand for them in the prompt.

All tiles go through together, and so do all global views, whatever page they are from: views do not see each other.
For inference only: activations are overwritten.

Shape suffixes: N pages, T tiles, H side of a view in pixels, B views, n tokens of a view, C width.
"""

from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor, nn

from ocrmill.model_adapter.tiling import DOWNSAMPLING, GLOBAL_SIZE, PATCH_SIZE, TILE_SIZE
from ocrmill.model_adapter.vision.config import EncoderConfig
from ocrmill.model_adapter.vision.flow_encoder import FlowEncoder
from ocrmill.model_adapter.vision.sam_vit import SamVit

MEMORY_MB = 1024  # nine global views or nineteen tiles of the published sizes in bfloat16

# On a CPU never more than this: tensors stay under the 32 MiB from which glibc gives memory back when it is freed. A
# page with six tiles in bfloat16 met 1.8 million page faults at 1,024 MiB, 2 of its 5 seconds beside the products.
CPU_MEMORY_MB = 48


class DeepEncoderV2(nn.Module):
    """SAM trunk, flow encoder, projector, and the separator that ends each page."""

    def __init__(self, config: EncoderConfig, *, memory_mb: int = MEMORY_MB) -> None:
        """Make the modules in torch's default dtype and on its default device.

        Args:
            config: the sizes.
            memory_mb: MiB that activations may take at a time, beside the embeddings themselves; on a CPU no more than
                CPU_MEMORY_MB. One view is encoded however little that is.
        """
        super().__init__()
        self.memory_mb = memory_mb
        self.sam = SamVit(config.sam, config.flow.width)
        self.flow = FlowEncoder(config.flow)
        self.projector = nn.Linear(config.flow.width, config.embedding_width)
        self.separator = nn.Parameter(torch.zeros(config.embedding_width))

    def forward(self, global_views_nhwc: Tensor, tiles_nhwc: Tensor, tiles_per_page: Sequence[int]) -> list[Tensor]:
        """Encode pages.

        Args:
            global_views_nhwc: uint8, (N, 1024, 1024, 3), on any device.
            tiles_nhwc: uint8, (T, 768, 768, 3), page after page; T may be 0.
            tiles_per_page: N numbers that add up to T.

        Returns:
            Per page (144 * tiles + 257, C), in the encoder's dtype and on its device: tiles, global view, separator.

        Raises:
            ValueError: where a shape or dtype is another, or the tiles do not add up.
        """
        _check(global_views_nhwc, GLOBAL_SIZE)
        _check(tiles_nhwc, TILE_SIZE)
        if len(tiles_per_page) != len(global_views_nhwc) or sum(tiles_per_page) != len(tiles_nhwc):
            given = f"{len(global_views_nhwc)} global views and {len(tiles_nhwc)} tiles"
            raise ValueError(f"tiles_per_page {list(tiles_per_page)} does not fit {given}")
        return self.join(self.encode(global_views_nhwc), self.encode(tiles_nhwc), tiles_per_page)

    def join(self, global_nnc: Tensor, tiles_tnc: Tensor, tiles_per_page: Sequence[int]) -> list[Tensor]:
        """Join the embeddings of each page: its tiles, its global view, the separator."""
        return [
            torch.cat([tiles.flatten(0, 1), view, self.separator[None]])
            for tiles, view in zip(torch.split(tiles_tnc, list(tiles_per_page)), global_nnc, strict=True)
        ]

    def encode(self, views_bhwc: Tensor) -> Tensor:
        """Views of one size to (B, n, C).

        What stays is made before what comes and goes: between, it would keep the allocator from using freed memory.
        """
        views, size = views_bhwc.shape[:2]
        device, tokens = self.separator.device, _num_tokens(size)
        embeddings_bnc = self.separator.new_empty(views, tokens, self.projector.out_features)
        features_bnc = self.separator.new_empty(views, tokens, self.projector.in_features)
        for at in _slices(views, self._at_once(self.trunk_bytes(size))):
            features_bnc[at] = self.sam(views_bhwc[at].to(device, non_blocking=True)).flatten(1, 2)
        for at in _slices(views, self._at_once(self.flow_bytes(size))):
            embeddings_bnc[at] = self.projector(self.flow(features_bnc[at]))
        return embeddings_bnc

    def _at_once(self, view_bytes: int) -> int:
        """Return the number of views of this size that are encoded together."""
        memory_mb = min(self.memory_mb, CPU_MEMORY_MB) if self.separator.is_cpu else self.memory_mb
        return max(1, memory_mb * 2**20 // view_bytes)

    def trunk_bytes(self, size_px: int) -> int:
        """Estimate the bytes that a view of this size takes in the trunk, beside weights and features."""
        return size_px**2 * 3 + self.separator.element_size() * self.sam.peak_elements(size_px)

    def flow_bytes(self, size_px: int) -> int:
        """Estimate the bytes that a view of this size takes in the flow encoder, beside weights and embeddings."""
        return self.separator.element_size() * self.flow.peak_elements(_num_tokens(size_px))

    def checkpoint_slots(self) -> dict[str, Tensor]:
        """Name in the checkpoint -> the (part of a) parameter that it fills, in the checkpoint's shape.

        Names are DeepSeek's, without their first `model.`: `sam_model.pos_embed`, `view_seperator` (sic), ...
        """
        slots = {f"sam_model.{name}": slot for name, slot in self.sam.checkpoint_slots().items()}
        slots |= {f"qwen2_model.{name}": slot for name, slot in self.flow.checkpoint_slots().items()}
        slots |= {f"projector.layers.{name}": slot for name, slot in self.projector.named_parameters()}
        return slots | {"view_seperator": self.separator}

    @torch.no_grad()
    def load_weights(self, weights: Iterable[tuple[str, Tensor]]) -> set[str]:
        """Copy tensors, named as in `checkpoint_slots`, into the parameters; give the names that came.

        Raises:
            ValueError: for a name that is none of them, or a shape that the configuration does not ask for.
        """
        slots = self.checkpoint_slots()
        loaded = set()
        for name, tensor in weights:
            if name not in slots:
                raise ValueError(f"the encoder has no weight {name}")
            if tensor.shape != slots[name].shape:
                shapes = f"{tuple(tensor.shape)} in the checkpoint, but {tuple(slots[name].shape)} by config.json"
                raise ValueError(f"{name} is {shapes}")
            slots[name].copy_(tensor)
            loaded.add(name)
        return loaded


def _slices(number: int, length: int) -> Iterator[slice]:
    return (slice(start, start + length) for start in range(0, number, length))


def _num_tokens(size_px: int) -> int:
    return (size_px // PATCH_SIZE // DOWNSAMPLING) ** 2


def _check(views_bhwc: Tensor, size_px: int) -> None:
    if views_bhwc.dtype != torch.uint8 or views_bhwc.shape[1:] != (size_px, size_px, 3):
        given = f"{tuple(views_bhwc.shape)} {views_bhwc.dtype}"
        raise ValueError(f"views must be (views, {size_px}, {size_px}, 3) torch.uint8, not {given}")
