"""DeepEncoder: the views of any number of pages to the embeddings that stand for them in the prompt.

All tiles go through together, and so do all global views, whatever page they are from: views do not see each other.
Both models begin with SAM. Then the first has CLIP and an embedding that ends each row, the second the flow encoder.
For inference only: activations are overwritten.

Shape suffixes: N pages, T tiles, H side of a view in pixels, B views, n tokens of a view, C width.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor, nn

from ocrmill.model_adapter.tiling import DEFAULT_MODE, LAYOUTS, OCR2, ViewLayout, side_tokens
from ocrmill.model_adapter.vision.clip_vit import ClipVit
from ocrmill.model_adapter.vision.config import ClipEncoderConfig, EncoderConfig, SamConfig
from ocrmill.model_adapter.vision.flow_encoder import FlowEncoder
from ocrmill.model_adapter.vision.sam_vit import SamVit

MEMORY_MB = 1024  # nine global views or nineteen tiles of the published sizes in bfloat16

# On a CPU never more than this: tensors stay under the 32 MiB from which glibc gives memory back when it is freed. A
# page with six tiles in bfloat16 met 1.8 million page faults at 1,024 MiB, 2 of its 5 seconds beside the products.
CPU_MEMORY_MB = 48


class DeepEncoder(nn.Module, ABC):
    """SAM trunk, an encoder of its features, projector, and the separator that ends each page."""

    def __init__(
        self, sam: SamConfig, channels: int, projected: int, embedding_width: int, layout: ViewLayout, memory_mb: int
    ) -> None:
        """Make the shared modules in torch's default dtype and on its default device.

        Args:
            sam: sizes of the trunk.
            channels: width of its features.
            projected: width of what the next encoder makes of them.
            embedding_width: of the language model.
            layout: the sizes of views.
            memory_mb: MiB that activations may take at a time, beside the embeddings themselves; on a CPU no more than
                CPU_MEMORY_MB. One view is encoded however little that is.
        """
        super().__init__()
        self.layout, self.memory_mb = layout, memory_mb
        self.sam = SamVit(sam, channels)
        self.projector = nn.Linear(projected, embedding_width)
        self.separator = nn.Parameter(torch.zeros(embedding_width))

    @abstractmethod
    def read_features(self, features_bnc: Tensor) -> Tensor:
        """SAM's features to what is projected, both (B, n, C)."""

    @abstractmethod
    def read_elements(self, num_tokens: int) -> int:
        """Estimate how many numbers a view takes there at the worst moment."""

    @abstractmethod
    def join(
        self, global_nnc: Tensor, tiles_tnc: Tensor, tiles_per_page: Sequence[int], columns_per_page: Sequence[int]
    ) -> list[Tensor]:
        """Join the embeddings of each page: its tiles, its global view, the separator."""

    @abstractmethod
    def own_slots(self) -> dict[str, Tensor]:
        """Name in the checkpoint -> parameter, of what the other model does not have."""

    def forward(
        self,
        global_views_nhwc: Tensor,
        tiles_nhwc: Tensor,
        tiles_per_page: Sequence[int],
        columns_per_page: Sequence[int] = (),
    ) -> list[Tensor]:
        """Encode pages.

        Args:
            global_views_nhwc: uint8, (N, 1024, 1024, 3) or as the layout says, on any device.
            tiles_nhwc: uint8, (T, 768, 768, 3), page after page; T may be 0.
            tiles_per_page: N numbers that add up to T.
            columns_per_page: of the grids of tiles, for the layouts that end rows.

        Returns:
            Per page as many embeddings as the layout counts, (tokens, C), in the encoder's dtype and on its device:
            tiles, global view, separator.

        Raises:
            ValueError: a shape or dtype is another, or the tiles do not add up.
        """
        _check(global_views_nhwc, self.layout.global_px)
        _check(tiles_nhwc, self.layout.tile_px)
        if len(tiles_per_page) != len(global_views_nhwc) or sum(tiles_per_page) != len(tiles_nhwc):
            given = f"{len(global_views_nhwc)} global views and {len(tiles_nhwc)} tiles"
            raise ValueError(f"tiles_per_page {list(tiles_per_page)} does not fit {given}")
        global_nnc, tiles_tnc = self.encode(global_views_nhwc), self.encode(tiles_nhwc)
        return self.join(global_nnc, tiles_tnc, tiles_per_page, columns_per_page)

    def encode(self, views_bhwc: Tensor) -> Tensor:
        """Views of one size to (B, n, C).

        What stays is made before what comes and goes: between, it would keep the allocator from using freed memory.
        """
        views, size = views_bhwc.shape[:2]
        device, tokens = self.separator.device, side_tokens(size) ** 2
        embeddings_bnc = self.separator.new_empty(views, tokens, self.projector.out_features)
        features_bnc = self.separator.new_empty(views, tokens, self.sam.output_channels)
        for at in _slices(views, self._at_once(self.trunk_bytes(size))):
            features_bnc[at] = self.sam(views_bhwc[at].to(device, non_blocking=True)).flatten(1, 2)
        for at in _slices(views, self._at_once(self.read_bytes(size))):
            embeddings_bnc[at] = self.projector(self.read_features(features_bnc[at]))
        return embeddings_bnc

    def _at_once(self, view_bytes: int) -> int:
        """Return the number of views of this size that are encoded together."""
        memory_mb = min(self.memory_mb, CPU_MEMORY_MB) if self.separator.is_cpu else self.memory_mb
        return max(1, memory_mb * 2**20 // view_bytes)

    def trunk_bytes(self, size_px: int) -> int:
        """Estimate the bytes that a view of this size takes in the trunk, beside weights and features."""
        return size_px**2 * 3 + self.separator.element_size() * self.sam.peak_elements(size_px)

    def read_bytes(self, size_px: int) -> int:
        """Estimate the bytes that a view of this size takes behind the trunk, beside weights and embeddings."""
        return self.separator.element_size() * self.read_elements(side_tokens(size_px) ** 2)

    def checkpoint_slots(self) -> dict[str, Tensor]:
        """Name in the checkpoint -> the (part of a) parameter that it fills, in the checkpoint's shape.

        Names are DeepSeek's, without their first `model.`: `sam_model.pos_embed`, `view_seperator` (sic), ...
        """
        slots = {f"sam_model.{name}": slot for name, slot in self.sam.checkpoint_slots().items()}
        slots |= self.own_slots()
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


class DeepEncoderV1(DeepEncoder):
    """The first DeepSeek-OCR's: CLIP reads SAM's features, and both are projected, CLIP's channels first."""

    def __init__(
        self,
        config: ClipEncoderConfig,
        *,
        layout: ViewLayout = LAYOUTS[DEFAULT_MODE],
        memory_mb: int = MEMORY_MB,
    ) -> None:
        width = config.clip.width
        super().__init__(config.sam, width, 2 * width, config.embedding_width, layout, memory_mb)
        self.clip = ClipVit(config.clip)
        self.row_end = nn.Parameter(torch.zeros(config.embedding_width))

    def read_features(self, features_bnc: Tensor) -> Tensor:
        """SAM's features to both side by side, (B, n, 2 * C)."""
        return torch.cat([self.clip(features_bnc), features_bnc], dim=-1)

    def read_elements(self, num_tokens: int) -> int:
        """Estimate how many numbers a view takes there at the worst moment."""
        return self.clip.peak_elements(num_tokens)

    def join(
        self, global_nnc: Tensor, tiles_tnc: Tensor, tiles_per_page: Sequence[int], columns_per_page: Sequence[int]
    ) -> list[Tensor]:
        """Put the tiles of each page side by side, end the rows, and add the global view and the separator."""
        pages = []
        views = zip(torch.split(tiles_tnc, list(tiles_per_page)), global_nnc, columns_per_page, strict=True)
        for tiles, view, columns in views:
            parts = [self._end_rows(tiles, columns)] if len(tiles) else []
            pages.append(torch.cat([*parts, self._end_rows(view[None], 1), self.separator[None]]))
        return pages

    def _end_rows(self, views_bnc: Tensor, columns: int) -> Tensor:
        """A grid of views, row by row, to the rows of its tokens, each with its end: (tokens, C)."""
        side, width = round(views_bnc.shape[1] ** 0.5), views_bnc.shape[2]
        grid = views_bnc.view(-1, columns, side, side, width).transpose(1, 2).reshape(-1, columns * side, width)
        return torch.cat([grid, self.row_end.expand(len(grid), 1, -1)], dim=1).flatten(0, 1)

    def own_slots(self) -> dict[str, Tensor]:
        """Name in the checkpoint -> parameter, of CLIP and of the ends of rows."""
        slots = {f"vision_model.{name}": slot for name, slot in self.clip.checkpoint_slots().items()}
        return slots | {"image_newline": self.row_end}


class DeepEncoderV2(DeepEncoder):
    """DeepSeek-OCR 2's: the flow encoder reads SAM's features."""

    def __init__(self, config: EncoderConfig, *, layout: ViewLayout = OCR2, memory_mb: int = MEMORY_MB) -> None:
        super().__init__(config.sam, config.flow.width, config.flow.width, config.embedding_width, layout, memory_mb)
        self.flow = FlowEncoder(config.flow)

    def read_features(self, features_bnc: Tensor) -> Tensor:
        """SAM's features to the outputs of as many queries."""
        outputs: Tensor = self.flow(features_bnc)
        return outputs

    def read_elements(self, num_tokens: int) -> int:
        """Estimate how many numbers a view takes there at the worst moment."""
        return self.flow.peak_elements(num_tokens)

    def join(
        self,
        global_nnc: Tensor,
        tiles_tnc: Tensor,
        tiles_per_page: Sequence[int],
        columns_per_page: Sequence[int] = (),  # noqa: ARG002 - tiles stay one after the other
    ) -> list[Tensor]:
        """Join the embeddings of each page: its tiles, its global view, the separator."""
        return [
            torch.cat([tiles.flatten(0, 1), view, self.separator[None]])
            for tiles, view in zip(torch.split(tiles_tnc, list(tiles_per_page)), global_nnc, strict=True)
        ]

    def own_slots(self) -> dict[str, Tensor]:
        """Name in the checkpoint -> parameter, of the flow encoder."""
        return {f"qwen2_model.{name}": slot for name, slot in self.flow.checkpoint_slots().items()}


def _slices(number: int, length: int) -> Iterator[slice]:
    return (slice(start, start + length) for start in range(0, number, length))


def _check(views_bhwc: Tensor, size_px: int) -> None:
    if views_bhwc.dtype != torch.uint8 or views_bhwc.shape[1:] != (size_px, size_px, 3):
        given = f"{tuple(views_bhwc.shape)} {views_bhwc.dtype}"
        raise ValueError(f"views must be (views, {size_px}, {size_px}, 3) torch.uint8, not {given}")
