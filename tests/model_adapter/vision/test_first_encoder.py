"""The first DeepSeek-OCR's encoder gives what vLLM's own modules give with the same weights, in all six modes."""

from __future__ import annotations  # torch need not be there

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ocrmill.model_adapter.checkpoint.published_config import ModelSize, published_config
from ocrmill.model_adapter.checkpoint.seeded import seeded_tensor
from ocrmill.model_adapter.checkpoint.versions import FIRST
from ocrmill.model_adapter.tiling import FIRST_MODES, LAYOUTS
from ocrmill.model_adapter.views import PageViews, cut_views

if TYPE_CHECKING:
    from ocrmill.model_adapter.vision.config import ClipEncoderConfig
    from ocrmill.model_adapter.vision.encoder import DeepEncoderV1

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore")  # vLLM's own imports warn

BOUND = 1e-4  # relative distance of a page's embeddings in float32
SIZES = {"gundam": (700, 690), "gundam-master": (1500, 700)}  # four tiles, and two side by side


@pytest.fixture(scope="module")
def config() -> ClipEncoderConfig:
    """Small sizes, but for those that vLLM's modules fix."""
    from ocrmill.model_adapter.vision.config import ClipConfig, ClipEncoderConfig, SamConfig

    sam = SamConfig(width=32, layers=2, heads=2, global_attn_indexes=(1,))
    return ClipEncoderConfig(sam, ClipConfig(width=64, layers=2, heads=4), embedding_width=32)


def make_encoder(config: ClipEncoderConfig, mode: str) -> DeepEncoderV1:
    """Our encoder with seeded weights."""
    from ocrmill.model_adapter.vision.encoder import DeepEncoderV1

    encoder = DeepEncoderV1(config, layout=LAYOUTS[mode]).requires_grad_(False)
    slots = encoder.checkpoint_slots().items()
    encoder.load_weights((name, torch.from_numpy(seeded_tensor(name, tuple(slot.shape)))) for name, slot in slots)
    return encoder


@pytest.fixture(scope="module")
def in_tree(vllm_environment: dict[str, str], config: ClipEncoderConfig) -> Iterator[Any]:
    """VLLM's modules with the same weights."""
    from bench.first_encoder import InTreeFirstEncoder, vllm_layers

    with vllm_layers():
        encoder = InTreeFirstEncoder(config)
        encoder.load({name: slot.clone() for name, slot in make_encoder(config, "base").checkpoint_slots().items()})
        yield encoder


def noise(size: tuple[int, int], mode: str, seed: int = 0) -> PageViews:
    page = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return cut_views(page, LAYOUTS[mode])


def encode(encoder: DeepEncoderV1, pages: list[PageViews]) -> list[Any]:
    views = [torch.from_numpy(np.stack([page.global_view for page in pages]))]
    views.append(torch.from_numpy(np.concatenate([page.tiles for page in pages])))
    return encoder(*views, [len(page.tiles) for page in pages], [page.columns for page in pages])  # type: ignore[no-any-return]


def normalised(views: Any) -> Any:
    return ((torch.from_numpy(views).float() / 255 - 0.5) / 0.5).permute(0, 3, 1, 2).contiguous()


@torch.inference_mode()  # type: ignore[untyped-decorator]
@pytest.mark.parametrize("mode", FIRST_MODES)
def test_a_page_is_seen_as_vllms_own_modules_see_it(in_tree: Any, config: ClipEncoderConfig, mode: str) -> None:
    """Sizes of views, positions resized for them, tiles side by side, ends of rows and separator: in each mode."""
    size, layout = SIZES.get(mode, (300, 400)), LAYOUTS[mode]
    page = noise(size, mode)
    (found,) = encode(make_encoder(config, mode), [page])
    expected = in_tree.encode_page(normalised(page.global_view[None]), normalised(page.tiles), page.columns)

    assert len(page.tiles) == {"gundam": 4, "gundam-master": 2}.get(mode, 0)
    assert found.shape == expected.shape == (layout.num_visual_tokens(layout.plan(*size)), 32)
    assert float((found - expected).norm() / expected.norm()) < BOUND


@torch.inference_mode()  # type: ignore[untyped-decorator]
def test_pages_that_are_encoded_together_do_not_see_each_other(config: ClipEncoderConfig) -> None:
    """Pages of two and no tiles together give what each gives alone."""
    encoder = make_encoder(config, "gundam")
    pages = [noise(size, "gundam", seed) for seed, size in enumerate([(1300, 640), (300, 400)])]
    together = encode(encoder, pages)

    assert [len(page.tiles) for page in pages] == [2, 0]
    for page, found in zip(pages, together, strict=True):
        torch.testing.assert_close(found, encode(encoder, [page])[0], rtol=1e-4, atol=1e-5)


def test_the_published_sizes_are_those_of_the_published_checkpoint() -> None:
    """The published config.json gives the default sizes, and every parameter of the encoder is in the checkpoint."""
    from ocrmill.model_adapter.checkpoint.weight_names import needed_shapes
    from ocrmill.model_adapter.vision.config import ClipEncoderConfig
    from ocrmill.model_adapter.vision.encoder import DeepEncoderV1

    published = published_config(ModelSize.FULL, FIRST)
    with torch.device("meta"):
        encoder = DeepEncoderV1(ClipEncoderConfig.from_hf(published))
    slots = encoder.checkpoint_slots()
    needed = {name: shape for name, shape in needed_shapes(published).items() if "language_model" not in name}

    assert ClipEncoderConfig.from_hf(published) == ClipEncoderConfig()
    assert {name: tuple(slot.shape) for name, slot in slots.items()} == needed
    assert sum(slot.numel() for slot in slots.values()) == sum(each.numel() for each in encoder.parameters())


@pytest.mark.parametrize(
    ("width", "message"),
    [
        ({}, "no encoder of the first DeepSeek-OCR"),
        ({"clip-l-14-224": {"width": 512}}, "input_dim is 2048, and 1024 by the clip width 512"),
        ({"clip-l-14-224": {"heads": 15}}, "clip heads 15 do not divide clip width 1024"),
        ({"sam_vit_b": {"downsample_channels": [512, 896]}, "clip-l-14-224": {}}, "is 896, and 1024 by the clip"),
    ],
)
def test_sizes_that_contradict_each_other_are_refused(width: dict[str, Any], message: str) -> None:
    """SAM's last channels and the projector's input have to fit CLIP's width."""
    from ocrmill.model_adapter.vision.config import ClipEncoderConfig

    config = {"vision_config": {"width": {"sam_vit_b": {}, **width}}, "projector_config": {"input_dim": 2048}}
    with pytest.raises(ValueError, match=message):
        ClipEncoderConfig.from_hf(config)
