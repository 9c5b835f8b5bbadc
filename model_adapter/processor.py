"""vLLM's multimodal processor: from a page to placeholders in the prompt and views for the encoder.

A page comes as an ordinary image (PIL, as from `vllm serve`, or a (height, width, 3) uint8 array), which is cut here,
or as `PageViews`, cut already by whoever rendered it. What goes on to the engine is uint8, a quarter of float32's
bytes: the encoder normalises on its own device.

Per page: `global_view_nhwc` (1024, 1024, 3) uint8, `tiles_nhwc` (N, 768, 768, 3) uint8, or the sizes of the layout,
`num_tiles` and `columns`. vLLM joins the pages of a step along a new axis, the tiles along the axis they have, and
leaves the two numbers on the CPU.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageOps
from transformers import BatchFeature
from vllm.config.multimodal import MultiModalDummyOptions
from vllm.multimodal.inputs import MultiModalFieldConfig, MultiModalKwargsItems
from vllm.multimodal.parse import ImageProcessorItems, ModalityDataItems, MultiModalDataItems, MultiModalDataParser
from vllm.multimodal.processing import (
    BaseDummyInputsBuilder,
    BaseMultiModalProcessor,
    BaseProcessingInfo,
    PromptReplacement,
    PromptUpdate,
)

from ocrmill.model_adapter.checkpoint.hf_config import configured_layout, version_in
from ocrmill.model_adapter.eight_bits import to_eight_bits
from ocrmill.model_adapter.prompts import IMAGE_TOKEN
from ocrmill.model_adapter.tiling import MIN_TILES, Tiling, ViewLayout
from ocrmill.model_adapter.views import PageViews, cut_views

UInt8s = npt.NDArray[np.uint8]


class PageItems(ImageProcessorItems):  # type: ignore[misc]
    """The pages of a prompt, each an image or `PageViews`."""

    def get_item_for_hash(self, index: int) -> object:
        """Return the key of a page in vLLM's caches."""
        item = super().get_item_for_hash(index)
        if isinstance(item, PageViews):
            return {"global_view": item.global_view, "tiles": item.tiles}
        return item


class PageParser(MultiModalDataParser):  # type: ignore[misc]
    """Accepts `PageViews`, and everything that vLLM accepts as an image."""

    def _parse_image_data(self, data: Any) -> ModalityDataItems[Any, Any] | None:
        if self.is_embeddings(data):
            raise TypeError("a page must be an image or PageViews: embeddings are not accepted")
        pages = data if isinstance(data, list) else [data]
        if any(isinstance(page, PageViews | Image.Image) for page in pages):
            data = [_eight_bits(page) for page in pages]  # before vLLM converts them, which clips 16-bit greys
        items = super()._parse_image_data(data)
        return PageItems(items.data) if isinstance(items, ImageProcessorItems) else items


class PageProcessingInfo(BaseProcessingInfo):  # type: ignore[misc]
    """Facts about pages that vLLM needs before the first one."""

    def get_supported_mm_limits(self) -> Mapping[str, int | None]:
        """Allow any number of images."""
        return {"image": None}

    def get_data_parser(self) -> MultiModalDataParser:
        """Return our parser, which knows `PageViews`."""
        return PageParser()

    def get_mm_max_tokens_per_item(self, seq_len: int, mm_counts: Mapping[str, int]) -> Mapping[str, int]:  # noqa: ARG002
        """Return the visual tokens of the largest page."""
        return {"image": self.layout.most_visual_tokens}

    @cached_property
    def layout(self) -> ViewLayout:
        """The engine's setting."""
        return self._layout({})

    def layout_of(self, request_kwargs: Mapping[str, object]) -> ViewLayout:
        """Return the setting for one request, whose pages may have fewer tiles than the engine's.

        Raises:
            ValueError: they may have more, for which no memory was planned, or the mode is another one.
        """
        layout = self._layout(request_kwargs)
        if layout.max_tiles > self.layout.max_tiles:
            raise ValueError(
                f"max_tiles {layout.max_tiles} is more than the engine was started with ({self.layout.max_tiles}); "
                f"start it with mm_processor_kwargs {{'max_tiles': {layout.max_tiles}}}"
            )
        if layout != self.layout.with_max_tiles(layout.max_tiles):
            mode = request_kwargs.get("mode")
            raise ValueError(
                f"mode {mode!r} is not the engine's: start one with mm_processor_kwargs {{'mode': {mode!r}}}"
            )
        return layout

    def _layout(self, request_kwargs: Mapping[str, object]) -> ViewLayout:
        return configured_layout(self.ctx.get_merged_mm_kwargs(request_kwargs), version_in(self.ctx.get_hf_config()))

    @cached_property
    def image_token_id(self) -> int:
        """The id of the placeholder.

        Raises:
            ValueError: the tokenizer is not this model's.
        """
        tokenizer = self.get_tokenizer()
        if IMAGE_TOKEN not in tokenizer.get_vocab():
            raise ValueError(f"the tokenizer has no {IMAGE_TOKEN}: take the tokenizer files of the published model")
        sample = "a b\n  c"
        if tokenizer.decode(tokenizer.encode(sample, add_special_tokens=False)) != sample:
            raise ValueError(
                "the tokenizer loses blanks or newlines: transformers took another class than the byte-level one for "
                "tokenizer.json; set model_type in config.json to deepseek_vl_v2"
            )
        return int(tokenizer.get_vocab()[IMAGE_TOKEN])


class LargestPage(BaseDummyInputsBuilder[PageProcessingInfo]):  # type: ignore[misc]
    """The page with which vLLM measures memory: it has the most tiles."""

    def get_dummy_text(self, mm_counts: Mapping[str, int]) -> str:
        """Return one placeholder for each page."""
        return IMAGE_TOKEN * mm_counts.get("image", 0)

    def get_dummy_mm_data(
        self,
        seq_len: int,  # noqa: ARG002
        mm_counts: Mapping[str, int],
        mm_options: MultiModalDummyOptions,  # noqa: ARG002
    ) -> dict[str, list[PageViews]]:
        """Return blank views, as many as a page may have."""
        layout = self.info.layout
        tiles = np.zeros((layout.most_tiles, layout.tile_px, layout.tile_px, 3), np.uint8)
        views = PageViews(np.zeros((layout.global_px, layout.global_px, 3), np.uint8), tiles)
        return {"image": [views] * mm_counts.get("image", 0)}


class PageProcessor(BaseMultiModalProcessor[PageProcessingInfo]):  # type: ignore[misc]
    """Cuts pages into views and makes room for them in the prompt."""

    def _apply_hf_processor_main(self, mm_items: MultiModalDataItems, hf_kwargs: Mapping[str, object]) -> BatchFeature:
        if not mm_items.get_count("image", strict=False):
            return BatchFeature()
        layout = self.info.layout_of(hf_kwargs)
        pages = [page_views(page, layout) for page in mm_items.get_items("image", PageItems).get_all()]
        tiles = [page.tiles for page in pages]
        return BatchFeature(
            {
                "global_view_nhwc": [_tensor(page.global_view) for page in pages],
                "tiles_nhwc": _tensor(tiles[0] if len(tiles) == 1 else np.concatenate(tiles)),
                "num_tiles": torch.tensor([len(tile) for tile in tiles]),
                "columns": torch.tensor([page.columns for page in pages]),
            }
        )

    def _get_mm_fields_config(
        self,
        hf_inputs: BatchFeature,
        hf_processor_mm_kwargs: Mapping[str, object],  # noqa: ARG002
    ) -> Mapping[str, MultiModalFieldConfig]:
        num_tiles = hf_inputs.get("num_tiles", torch.empty(0, dtype=torch.int64))
        return {
            "global_view_nhwc": MultiModalFieldConfig.batched("image"),
            "tiles_nhwc": MultiModalFieldConfig.flat_from_sizes("image", num_tiles),
            "num_tiles": MultiModalFieldConfig.batched("image", keep_on_cpu=True),
            "columns": MultiModalFieldConfig.batched("image", keep_on_cpu=True),
        }

    def _get_prompt_updates(
        self,
        mm_items: MultiModalDataItems,  # noqa: ARG002
        hf_processor_mm_kwargs: Mapping[str, object],  # noqa: ARG002
        out_mm_kwargs: MultiModalKwargsItems,
    ) -> Sequence[PromptUpdate]:
        image_token_id = self.info.image_token_id

        def placeholders(index: int) -> list[int]:
            page = out_mm_kwargs["image"][index]
            num_tiles, columns = (int(page[name].data) for name in ("num_tiles", "columns"))
            tiling = Tiling(columns, num_tiles // columns)
            return [image_token_id] * self.info.layout.num_visual_tokens(tiling)

        return [PromptReplacement(modality="image", target=[image_token_id], replacement=placeholders)]

    def _postprocess_prompt(self, prompt: list[int]) -> list[int]:
        """Make the prompt begin with exactly one BOS: without it, or with two, the model reads nothing."""
        bos = self.info.get_tokenizer().bos_token_id
        start = next((index for index, token in enumerate(prompt) if token != bos), len(prompt))
        return [bos, *prompt[start:]]


def page_views(page: object, layout: ViewLayout) -> PageViews:
    """Return the views of a page that is an image, an array or views.

    Raises:
        ValueError: for arrays of another shape or type, and for views of another layout.
    """
    if isinstance(page, PageViews):
        _check_views(page, layout)
        return page
    pixels = np.asarray(to_eight_bits(page).convert("RGB") if isinstance(page, Image.Image) else page)
    if pixels.dtype != np.uint8 or pixels.shape[2:] != (3,):
        raise ValueError(
            f"a page must be an image, a (height, width, 3) array of uint8 or PageViews, "
            f"not {type(page).__name__} of {pixels.shape} {pixels.dtype}"
        )
    return cut_views(pixels, layout)


def _eight_bits(page: object) -> object:
    """Turn an image upright and convert it to 8 bits; return anything else unchanged."""
    if not isinstance(page, Image.Image):
        return page
    upright = ImageOps.exif_transpose(page)
    return to_eight_bits(page if upright is None else upright)


def _check_views(views: PageViews, layout: ViewLayout) -> None:
    num_tiles, max_tiles = len(views.tiles), layout.max_tiles
    shapes = views.global_view.shape, views.tiles.shape
    global_shape, tile_shape = ((side, side, 3) for side in (layout.global_px, layout.tile_px))
    if shapes != (global_shape, (num_tiles, *tile_shape)) or {views.global_view.dtype, views.tiles.dtype} != {
        np.dtype(np.uint8)
    }:
        raise ValueError(
            f"views must be {global_shape} and (N, {', '.join(map(str, tile_shape))}) of uint8, "
            f"not {shapes[0]} {views.global_view.dtype} and {shapes[1]} {views.tiles.dtype}"
        )
    if num_tiles and not MIN_TILES <= num_tiles <= max_tiles:
        raise ValueError(
            f"a page was cut into {num_tiles} tiles, and max_tiles is {max_tiles}: cut it with that limit, "
            "or start the engine with a higher one in mm_processor_kwargs"
        )
    if views.columns < 1 or num_tiles % views.columns:
        raise ValueError(f"{num_tiles} tiles make no grid of {views.columns} columns")


def _tensor(array: UInt8s) -> torch.Tensor:
    """Make a tensor that shares the memory, unless the array is read-only, such as one in an object store."""
    return torch.from_numpy(np.require(array, requirements=["C", "W"]))
