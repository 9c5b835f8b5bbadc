"""Pages get the embeddings that vLLM's in-tree model gives them: its own cutting, its own modules, the same weights."""

import sys
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from bench import torchvision_stand_in
from ocrmill.model_adapter.tiling import GLOBAL_SIZE, TILE_SIZE
from ocrmill.model_adapter.views import cut_views

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore")  # vLLM's own imports warn

BOUND = 1e-4  # relative distance of a page's embeddings in float32
PAGES = {  # width, height and mode -> tiles
    "0 tiles, at the edge": ((768, 768), "RGB", 0),
    "4 tiles, one pixel more": ((769, 768), "RGB", 4),
    "2 tiles, landscape": ((1500, 760), "RGB", 2),
    "3 tiles, a grey strip": ((500, 1500), "L", 3),
    "6 tiles, a Letter page": ((1224, 1584), "RGB", 6),
}


@pytest.fixture(scope="module")
def both(vllm_environment: Any, seeded_encoder: Any) -> Any:
    """Our encoder and vLLM's, small, with the same weights."""
    from bench.encoder import make_in_tree
    from ocrmill.model_adapter.vision.config import EncoderConfig, FlowConfig, SamConfig

    config = EncoderConfig(
        SamConfig(width=32, layers=2, heads=2, global_attn_indexes=(1,)),
        FlowConfig(layers=1, intermediate_size=128),
        embedding_width=32,
    )
    ours = seeded_encoder(config)
    theirs = make_in_tree(torch.device("cpu"), torch.float32, config)
    theirs.load_state_dict({name: slot.clone() for name, slot in ours.checkpoint_slots().items()})
    return ours, theirs


@pytest.fixture(scope="module")
def cut_into_tiles(vllm_environment: Any) -> Any:
    """The function that vLLM cuts by; its module needs torchvision, or the stand-in while it is imported."""
    if find_spec("torchvision") is not None:
        from vllm.transformers_utils.processors.deepseek_ocr import dynamic_preprocess

        return dynamic_preprocess
    torchvision_stand_in.register()
    try:
        from vllm.transformers_utils.processors.deepseek_ocr import dynamic_preprocess
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
    return dynamic_preprocess


def cut_in_tree(image: Any, dynamic_preprocess: Any) -> tuple[Any, Any]:
    """Global view and tiles as vLLM's processor cuts and normalises them."""
    tiles = [] if max(image.size) <= TILE_SIZE else dynamic_preprocess(image, image_size=TILE_SIZE, max_num=6)[0]
    whole = ImageOps.pad(image, (GLOBAL_SIZE, GLOBAL_SIZE), color=(127, 127, 127))

    def normalised(views: list[Any], size: int) -> Any:
        pixels = torch.from_numpy(np.array([np.asarray(view) for view in views], np.uint8)).view(-1, size, size, 3)
        return ((pixels.float() / 255 - 0.5) / 0.5).permute(0, 3, 1, 2).contiguous()

    return normalised([whole], GLOBAL_SIZE), normalised(tiles, TILE_SIZE)


@torch.inference_mode()  # type: ignore[untyped-decorator]
@pytest.mark.parametrize("case", PAGES)
def test_a_page_is_seen_as_vllms_own_model_sees_it(both: Any, cut_into_tiles: Any, case: str) -> None:
    """Without tiles and with 2, 3, 4 and 6, landscape, grey, at the edge of a tile: in order and in number."""
    (width, height), mode, tiles = PAGES[case]
    ours, theirs = both
    noise = np.random.default_rng(len(case)).integers(0, 256, (height, width, 3), dtype=np.uint8)
    image = Image.fromarray(noise).convert(mode).convert("RGB")
    views = cut_views(np.asarray(image))
    given = [torch.from_numpy(np.ascontiguousarray(view)) for view in (views.global_view[None], views.tiles)]
    (found,) = ours(*given, [tiles])
    expected = theirs.encode_page(*cut_in_tree(image, cut_into_tiles))

    assert found.shape == expected.shape == (144 * tiles + 257, 32)
    assert float((found - expected).norm() / expected.norm()) < BOUND
