"""From a page to placeholders and views, through vLLM's own calls."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ocrmill.model_adapter.prompts import prompt_text
from ocrmill.model_adapter.tiling import OCR2
from ocrmill.model_adapter.views import PageViews, cut_views
from ocrmill.pipeline.records import RGB

pytestmark = pytest.mark.filterwarnings("ignore")  # vLLM's own imports warn

IMAGE_ID, BOS = 128815, 0
# The authors' counts for these sizes in pixels.
KNOWN_COUNTS = {
    (1224, 1584): 1121,
    (1191, 1684): 1121,
    (600, 700): 257,
    (3000, 1000): 689,
    (2000, 2000): 833,
    (768, 768): 257,
    (769, 500): 1121,
    (1920, 1080): 545,
    (1000, 15444): 1121,
}


WRONG_DTYPE: Any = np.zeros((2, 768, 768, 3))  # of float64


@pytest.fixture(scope="module")
def processor(make_processor: Callable[..., Any]) -> Any:
    """Six tiles at most."""
    return make_processor()


def blank(width: int, height: int) -> Image.Image:
    return Image.new("RGB", (width, height), (255, 255, 255))


def process(
    processor: Any, image: object, prompt: str | list[int] | None = None, **kwargs: Any
) -> tuple[list[int], dict[str, Any], Any]:
    """The prompt ids and tensors that vLLM's renderer makes of one page."""
    items = processor.info.parse_mm_data({"image": image})
    result = processor(prompt or prompt_text(), items, **kwargs)
    return result["prompt_token_ids"], result["mm_kwargs"]["image"][0].get_data(), result


@pytest.mark.parametrize(("size", "count"), KNOWN_COUNTS.items(), ids=str)
def test_known_sizes_have_the_authors_number_of_placeholders(processor: Any, size: tuple[int, int], count: int) -> None:
    """The placeholders of a page are as many as the authors' scripts make, and the tensors fit them."""
    ids, data, result = process(processor, blank(*size))

    assert ids.count(IMAGE_ID) == count == 144 * len(data["tiles_nhwc"]) + 257
    assert [(place.offset, place.length) for place in result["mm_placeholders"]["image"]] == [(1, count)]


@pytest.mark.parametrize("max_tiles", [0, 1, 2, 6, 9])
def test_placeholders_tensors_and_tiling_agree(make_processor: Callable[..., Any], max_tiles: int) -> None:
    """For any size, the exact ties of the grid choice among them, and any `max_tiles`, three counts are one."""
    processor = make_processor(max_tiles)
    draw = random.Random(max_tiles)
    sizes = [(draw.randrange(1, 1600), draw.randrange(1, 1600)) for _ in range(12)]
    for width, height in [*sizes, (1280, 1024), (1600, 1280), (1400, 800), (1500, 600), (450, 2000)]:
        ids, data, _ = process(processor, blank(width, height))

        layout = OCR2.with_max_tiles(max_tiles)
        assert ids.count(IMAGE_ID) == layout.num_visual_tokens(layout.plan(width, height))
        assert ids.count(IMAGE_ID) == 144 * int(data["num_tiles"]) + 257
        assert data["tiles_nhwc"].shape == (int(data["num_tiles"]), 768, 768, 3)


def test_the_largest_page_is_what_memory_is_planned_for(make_processor: Callable[..., Any]) -> None:
    """The profiling page has as many tiles as a page may have: six and 1,121 tokens, or what `max_tiles` says."""
    for max_tiles, tokens in {6: 1121, 9: 1553, 0: 257}.items():
        processor = make_processor(max_tiles)
        dummy = processor.get_dummy_mm_inputs({"image": 1})

        assert dummy["mm_placeholders"]["image"][0].length == tokens
        assert dummy["mm_kwargs"]["image"][0]["num_tiles"].data == (max_tiles if max_tiles > 1 else 0)
        assert processor.info.get_mm_max_tokens_per_item(2048, {"image": 1}) == {"image": tokens}


def test_the_prompt_is_one_bos_the_placeholders_and_the_question(processor: Any) -> None:
    """BOS exactly once, 1,121 placeholders in one run, then the question without a trailing blank."""
    ids, _, _ = process(processor, blank(1224, 1584))
    question = processor.info.get_tokenizer().decode(ids[1122:])

    assert ids[:1122] == [BOS] + [IMAGE_ID] * 1121
    assert IMAGE_ID not in ids[1122:]
    assert question == "\n<|grounding|>Convert the document to markdown."


@pytest.mark.parametrize("beginning", [[], [BOS], [BOS, BOS]], ids=len)
def test_bos_comes_once_whoever_tokenized(processor: Any, beginning: list[int]) -> None:
    """Ids without BOS, with one, and with the two of a rendered template sent as text, all begin with one."""
    ids, _, _ = process(processor, blank(600, 700), prompt=[*beginning, IMAGE_ID, 5])

    assert ids == [BOS] + [IMAGE_ID] * 257 + [5]


def test_views_stay_as_they_were_cut(processor: Any, page: RGB) -> None:
    """The encoder gets uint8 and, byte for byte, what `cut_views` gives, whether cut before or here."""
    views = cut_views(page)
    for image in (views, page, Image.fromarray(page)):
        _, data, _ = process(processor, image)

        assert np.array_equal(data["global_view_nhwc"].numpy(), views.global_view)
        assert np.array_equal(data["tiles_nhwc"].numpy(), views.tiles)
        assert data["global_view_nhwc"].numpy().dtype == data["tiles_nhwc"].numpy().dtype == np.uint8


def test_views_are_copied_only_if_they_must_not_be_written_to(processor: Any, page: RGB) -> None:
    """Views share their memory with the tensors; those from an object store, read-only, are copied."""
    views = cut_views(page)
    _, data, _ = process(processor, views)
    assert np.shares_memory(data["tiles_nhwc"].numpy(), views.tiles)

    views.tiles.setflags(write=False)
    _, data, _ = process(processor, views)
    assert not np.shares_memory(data["tiles_nhwc"].numpy(), views.tiles)


def test_several_images_in_one_prompt(make_model_config: Callable[..., Any], tiny_checkpoint: Path) -> None:
    """Each image has its own placeholders and its own tiles."""
    from vllm.multimodal import MULTIMODAL_REGISTRY

    config = make_model_config(tiny_checkpoint, limit_mm_per_prompt={"image": 3})
    processor = MULTIMODAL_REGISTRY.create_processor(config)
    items = processor.info.parse_mm_data({"image": [blank(3000, 1000), cut_views(np.zeros((60, 70, 3), np.uint8))]})
    result = processor("<image>\n<image>\nFree OCR.", items)

    assert [place.length for place in result["mm_placeholders"]["image"]] == [689, 257]
    assert [len(item["tiles_nhwc"].data) for item in result["mm_kwargs"]["image"]] == [3, 0]


def test_pages_of_a_step_are_joined_and_their_tile_counts_stay_on_the_cpu(processor: Any) -> None:
    """Pages with six, no and three tiles become one batch, and `num_tiles` is not moved to the device."""
    from vllm.multimodal.utils import group_and_batch_mm_items

    pages = [blank(1224, 1584), blank(600, 700), blank(3000, 1000)]
    items = [process(processor, page)[2]["mm_kwargs"]["image"][0] for page in pages]
    ((count, batch),) = group_and_batch_mm_items(items, device="meta")

    assert count == 3
    assert batch["global_view_nhwc"].shape == (3, 1024, 1024, 3)
    assert batch["tiles_nhwc"].shape == (9, 768, 768, 3)
    assert batch["tiles_nhwc"].device.type == "meta"
    assert batch["num_tiles"].device.type == "cpu"
    assert batch["num_tiles"].tolist() == [6, 0, 3]


def test_rotated_and_transparent_images_are_seen_as_people_see_them(processor: Any) -> None:
    """EXIF rotation is applied and transparency becomes white paper."""
    image = Image.new("RGBA", (300, 100), (0, 0, 0, 0))
    exif = image.getexif()
    exif[0x0112] = 6  # turn by 90 degrees
    image.info["exif"] = exif.tobytes()
    _, data, _ = process(processor, image)
    view = data["global_view_nhwc"].numpy()

    assert (view[:, 512] == 255).all()  # the page stands upright and is white
    assert (view[:, :300] == 127).all()


def scan_of(mode: str) -> Image.Image:
    """A page that is dark on its left and light on its right, 300 x 200 px, in one of Pillow's modes."""
    grey = np.repeat(np.where(np.arange(300) < 150, 0.125, 0.875)[None], 200, axis=0)
    match mode:
        case "I;16":
            return Image.fromarray((grey * 65535).astype(np.uint16))
        case "I":
            return Image.fromarray((grey * 65535).astype(np.int32))
        case "F":
            return Image.fromarray(grey.astype(np.float32))
        case "1":
            return Image.fromarray(grey > 0.5)
        case "LA" | "RGBA":
            image = Image.fromarray((grey * 255).astype(np.uint8)).convert(mode)
            image.putalpha(Image.fromarray(np.where(grey > 0.5, 0, 255).astype(np.uint8)))
            return image
        case _:
            return Image.fromarray((grey * 255).astype(np.uint8)).convert("RGB").convert(mode)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "I", "F", "I;16"])
@pytest.mark.parametrize("through_a_server", [False, True])
def test_every_mode_of_an_image_is_seen(processor: Any, mode: str, through_a_server: bool) -> None:
    """No mode arrives white or black all over, in a program or as `vllm serve` hands images on."""
    from vllm.multimodal.media.base import MediaWithBytes

    image = scan_of(mode)
    _, data, _ = process(processor, MediaWithBytes(image, b"") if through_a_server else image)
    row = data["global_view_nhwc"].numpy()[512].astype(int)

    assert row[:400].max() < 70
    assert row[600:].min() > 190


def test_a_request_may_lower_max_tiles_but_not_raise_it(processor: Any) -> None:
    """A page of one request may be cut coarser; finer than memory was planned for is refused."""
    ids, _, _ = process(processor, blank(1224, 1584), hf_processor_mm_kwargs={"max_tiles": 0})
    assert ids.count(IMAGE_ID) == 257

    with pytest.raises(ValueError, match="max_tiles 9 is more than the engine was started with"):
        process(processor, blank(1224, 1584), hf_processor_mm_kwargs={"max_tiles": 9})


@pytest.mark.parametrize(
    ("page", "message"),
    [
        (np.zeros((50, 60, 4), np.uint8), "array of uint8 or PageViews, not ndarray of .*60, 4. uint8"),
        (np.zeros((50, 60, 3), np.float32), "not ndarray of .* float32"),
        (PageViews(np.zeros((1024, 1024, 3), np.uint8), np.zeros((9, 768, 768, 3), np.uint8)), "9 tiles, .*is 6"),
        (PageViews(np.zeros((1024, 1024, 3), np.uint8), np.zeros((1, 768, 768, 3), np.uint8)), "cut into 1 tiles"),
        (PageViews(np.zeros((640, 640, 3), np.uint8), np.zeros((2, 768, 768, 3), np.uint8)), "not .640, 640, 3."),
        (PageViews(np.zeros((1024, 1024, 3), np.uint8), WRONG_DTYPE), "float64"),
    ],
)
def test_a_page_that_cannot_be_one_is_refused(processor: Any, page: object, message: str) -> None:
    """Wrong shapes, wrong types and too many tiles are named before anything is sent to the engine."""
    with pytest.raises(ValueError, match=message):
        process(processor, page)


def test_embeddings_are_refused(processor: Any) -> None:
    """An array that vLLM would take for embeddings is refused with what to send instead."""
    import torch

    with pytest.raises(TypeError, match="must be an image or PageViews"):
        processor.info.parse_mm_data({"image": torch.zeros(1, 257, 320)})


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"max_tile": 6}, "has max_tile, but max_tiles is the only setting"),
        ({"max_tiles": -1}, "0 or more, not -1"),
        ({"max_tiles": "6"}, "0 or more, not '6'"),
        ({"max_tiles": True}, "0 or more, not True"),
    ],
)
def test_settings_of_the_processor_are_checked(processor: Any, kwargs: Any, message: str) -> None:
    """A setting that does not exist, or is no number of tiles, is refused by name."""
    with pytest.raises(ValueError, match=message):
        process(processor, blank(60, 70), hf_processor_mm_kwargs=kwargs)


def test_equal_pages_have_equal_hashes_and_others_have_others(processor: Any, page: RGB) -> None:
    """With vLLM's caches on, the bytes of cut pages tell them apart."""
    from vllm.multimodal.hasher import MultiModalHasher

    def hashed(views: object) -> Any:
        item = processor.info.parse_mm_data({"image": views})["image"].get_item_for_hash(0)
        return MultiModalHasher.hash_kwargs("blake3", image=item)

    other = page.copy()
    other[0, 0] ^= 255

    assert hashed(cut_views(page)) == hashed(cut_views(page))
    assert hashed(cut_views(page)) != hashed(cut_views(other))
