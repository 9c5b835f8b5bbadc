"""The encoder computes what the official one does, for any number of pages at once."""

import json
from collections.abc import Callable
from pathlib import Path
from tempfile import NamedTemporaryFile

import pytest
import torch
from seeded_encoders import Golden, SeededEncoder, Views
from torch.profiler import ProfilerActivity, profile

from ocrmill.model_adapter.tiling import GLOBAL_SIZE, TILE_SIZE
from ocrmill.model_adapter.vision.attention.relative_attention import PositionTable, attend_widened
from ocrmill.model_adapter.vision.config import EncoderConfig, FlowConfig, SamConfig

TOLERANCES = [(torch.float32, 1e-4), (torch.bfloat16, 2e-2)]
TILES_PER_PAGE = [1, 0, 7]  # seven: more than the model was trained with


@pytest.mark.usefixtures("quick_bfloat16")
@pytest.mark.parametrize(("dtype", "tolerance"), TOLERANCES, ids=str)
def test_a_small_encoder_agrees_with_the_official_one(
    distances_to: Callable[..., dict[str, float]],
    golden: Golden,
    golden_config: EncoderConfig,
    seeded_encoder: SeededEncoder,
    views: Views,
    dtype: torch.dtype,
    tolerance: float,
) -> None:
    """With the same seeded weights every stage is the official one's, in float32 and in bfloat16."""
    encoder = seeded_encoder(golden_config, dtype)
    distances = distances_to(golden("encoder_tiny"), encoder, views, flow_step=2, out_step=1)

    assert all(distance < tolerance for distance in distances.values()), distances


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.usefixtures("quick_bfloat16")
def test_the_published_encoder_agrees_with_the_official_one(
    distances_to: Callable[..., dict[str, float]], golden: Golden, seeded_encoder: SeededEncoder, views: Views
) -> None:
    """At the published sizes, too: a tile, in float32 and in bfloat16.

    A global view, whose layers and grids are no others, takes twice as long; it is held at the small sizes.
    """
    encoder = seeded_encoder(EncoderConfig())
    for dtype, tolerance in TOLERANCES:
        of_dtype, steps = encoder.to(dtype), {"flow_step": 8, "out_step": 4}
        distances = distances_to(golden("encoder_full"), of_dtype, views, **steps, most=1, kinds=["local"])

        assert len(distances) == 3
        assert all(distance < tolerance for distance in distances.values()), (dtype, distances)


@pytest.fixture(scope="module")
def pages(views: Views) -> tuple[torch.Tensor, torch.Tensor]:
    """Global views and tiles of three pages."""
    return views(range(3), GLOBAL_SIZE), views(range(10, 10 + sum(TILES_PER_PAGE)), TILE_SIZE)


@torch.inference_mode()
def test_pages_together_are_pages_one_by_one(
    small_config: EncoderConfig, seeded_encoder: SeededEncoder, pages: tuple[torch.Tensor, torch.Tensor]
) -> None:
    """A call with any mix of pages gives each what it gets alone: tiles in order, then global view, then separator."""
    encoder = seeded_encoder(small_config)
    global_views, tiles = pages
    together = encoder(global_views, tiles, TILES_PER_PAGE)

    for page, page_tiles in enumerate(torch.split(tiles, TILES_PER_PAGE)):
        (alone,) = encoder(global_views[page : page + 1], page_tiles, [len(page_tiles)])
        assert alone.shape == (144 * TILES_PER_PAGE[page] + 257, small_config.embedding_width)
        torch.testing.assert_close(together[page], alone, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(alone[-1], encoder.separator)


@torch.inference_mode()
def test_the_order_of_pages_is_theirs(
    small_config: EncoderConfig, seeded_encoder: SeededEncoder, pages: tuple[torch.Tensor, torch.Tensor]
) -> None:
    """Pages in another order give the same embeddings in that order, and nothing else changes."""
    encoder = seeded_encoder(small_config)
    global_views, tiles = pages
    order = [2, 0, 1]
    shuffled = torch.cat([torch.split(tiles, TILES_PER_PAGE)[page] for page in order])
    before = encoder(global_views, tiles, TILES_PER_PAGE)
    after = encoder(global_views[order], shuffled, [TILES_PER_PAGE[page] for page in order])

    for place, page in enumerate(order):
        torch.testing.assert_close(after[place], before[page], rtol=1e-4, atol=1e-5)


@torch.inference_mode()
def test_memory_decides_how_many_views_go_together(
    small_config: EncoderConfig,
    seeded_encoder: SeededEncoder,
    pages: tuple[torch.Tensor, torch.Tensor],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With less memory the views go in smaller chunks, one by one at the least, to the same embeddings."""
    global_views, tiles = pages
    encoder = seeded_encoder(small_config, memory_mb=4096)
    together: list[int] = []
    encoder.sam.register_forward_pre_hook(lambda _, views: together.append(len(views[0])))
    by_memory = {}
    for cpu_memory_mb in (4096, 0):
        monkeypatch.setattr("ocrmill.model_adapter.vision.encoder.CPU_MEMORY_MB", cpu_memory_mb)
        by_memory[cpu_memory_mb] = encoder(global_views, tiles, TILES_PER_PAGE)

    num_views = [len(global_views), len(tiles)]
    assert num_views + [1] * sum(num_views) == together
    for page in range(len(TILES_PER_PAGE)):
        torch.testing.assert_close(by_memory[0][page], by_memory[4096][page], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", [GLOBAL_SIZE, TILE_SIZE])
def test_the_memory_estimates_hold(seeded_encoder: SeededEncoder, views: Views, size: int) -> None:
    """Views take at the worst moments 0.75 to 1.4 times what was estimated: 1.07 to 1.33 on the CPUs seen so far.

    In proportions like the published ones: a neck wider than the trunk would take more.
    """
    sam = SamConfig(width=256, layers=2, heads=2, global_attn_indexes=(1,), neck_channels=16, downsample_channels=16)
    flow = FlowConfig(width=128, layers=2, heads=2, kv_heads=1, intermediate_size=512)
    encoder = seeded_encoder(EncoderConfig(sam, flow, embedding_width=48))
    batch = views(range(3), size)
    with torch.inference_mode():
        features_bnc = encoder.sam(batch).flatten(1, 2)
        encoder.flow(features_bnc)  # what is made once per size is made
        trunk = peak_bytes(lambda: encoder.sam(batch))
        flow_peak = peak_bytes(lambda: encoder.flow(features_bnc))

    assert 0.75 < trunk / (3 * encoder.trunk_bytes(size)) < 1.4
    assert 0.75 < flow_peak / (3 * encoder.read_bytes(size)) < 1.4


def test_the_memory_estimate_of_widened_attention_holds() -> None:
    """Widened queries, keys, values and outputs are what widened attention takes, give or take a quarter."""
    grids, heads, size, width = 3, 4, 24, 64
    q, k, v = torch.randn(3, grids, heads, size * size, width)
    table = PositionTable.of((torch.randn(2 * size - 1, width),) * 2, size)
    with torch.inference_mode():
        measured = peak_bytes(lambda: attend_widened(q, k, v, table))

    assert 0.75 < measured / (4 * grids * heads * size**2 * (width + 2 * size) * 4) < 1.25


def peak_bytes(work: Callable[[], object]) -> int:
    """The most bytes that were allocated at a time while working, by the allocator's own count.

    Events are not put in order: the clock that dates them steps between cores of a busy machine.
    """
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        work()
    with NamedTemporaryFile() as trace:
        profiler.export_chrome_trace(trace.name)
        events = json.loads(Path(trace.name).read_text())["traceEvents"]
    memory = [event["args"] for event in events if event["name"] == "[memory]"]
    return int(max(event["Total Allocated"] for event in memory))


@pytest.mark.parametrize("size", [512, 640, 1280, 1024 + 16])
def test_other_views_are_refused(
    small_config: EncoderConfig, seeded_encoder: SeededEncoder, views: Views, size: int
) -> None:
    """The queries are for 768 and 1024 px: a view of another size is an error that says so."""
    encoder = seeded_encoder(small_config)
    with pytest.raises(ValueError, match=r"\(views, 1024, 1024, 3\).*not"):
        encoder(
            torch.zeros(1, size, size, 3, dtype=torch.uint8),
            torch.zeros(0, TILE_SIZE, TILE_SIZE, 3, dtype=torch.uint8),
            [0],
        )
    with pytest.raises(ValueError, match=r"\(views, 768, 768, 3\).*not"):
        encoder(views([1], GLOBAL_SIZE), torch.zeros(2, size, size, 3, dtype=torch.uint8), [2])


def test_normalised_pixels_are_refused(
    small_config: EncoderConfig, seeded_encoder: SeededEncoder, views: Views
) -> None:
    """Views are bytes; floats have already been through what the encoder does itself."""
    with pytest.raises(ValueError, match="uint8"):
        seeded_encoder(small_config)(views([1], GLOBAL_SIZE).float(), views([2], TILE_SIZE), [1])


@pytest.mark.parametrize("tiles_per_page", [[3], [1, 1], [2, 2], []])
def test_tiles_must_add_up(
    small_config: EncoderConfig, seeded_encoder: SeededEncoder, views: Views, tiles_per_page: list[int]
) -> None:
    """A count for each page, together all tiles; else which tile is whose would be a guess."""
    with pytest.raises(ValueError, match="2 global views and 3 tiles"):
        seeded_encoder(small_config)(views([1, 2], GLOBAL_SIZE), views([3, 4, 5], TILE_SIZE), tiles_per_page)


def test_no_pages_are_no_embeddings(small_config: EncoderConfig, seeded_encoder: SeededEncoder) -> None:
    """A call without pages is answered without work."""
    nothing = [torch.zeros(0, size, size, 3, dtype=torch.uint8) for size in (GLOBAL_SIZE, TILE_SIZE)]

    assert seeded_encoder(small_config)(*nothing, []) == []


@torch.inference_mode()
def test_weights_loaded_again_are_used(
    small_config: EncoderConfig, seeded_encoder: SeededEncoder, views: Views
) -> None:
    """Nothing worked out from weights outlives them: neither loading others nor another dtype leaves a trace."""
    encoder, fresh = seeded_encoder(small_config), seeded_encoder(small_config)
    tiles = views([1], TILE_SIZE)
    slots = fresh.checkpoint_slots()
    halved = {name: slot / 2 for name, slot in slots.items()}
    fresh.load_weights(halved.items())
    encoder.encode(tiles)
    encoder.load_weights(halved.items())

    torch.testing.assert_close(encoder.encode(tiles), fresh.encode(tiles), rtol=0, atol=0)
    there_and_back = encoder.to(torch.float64).encode(tiles)
    assert there_and_back.dtype == torch.float64
    torch.testing.assert_close(encoder.to(torch.float32).encode(tiles), fresh.encode(tiles), rtol=0, atol=0)


def test_wrong_weights_are_refused(small_config: EncoderConfig, seeded_encoder: SeededEncoder) -> None:
    """A tensor of another name or shape is an error that names it."""
    encoder = seeded_encoder(small_config)
    with pytest.raises(ValueError, match="no weight sam_model"):
        encoder.load_weights([("sam_model.cls_token", torch.zeros(1))])
    with pytest.raises(ValueError, match=r"view_seperator is \(3,\) in the checkpoint, but \(48,\)"):
        encoder.load_weights([("view_seperator", torch.zeros(3))])


def test_every_parameter_is_in_the_checkpoint(small_config: EncoderConfig, seeded_encoder: SeededEncoder) -> None:
    """The tensors of the checkpoint fill all parameters, each number once."""
    encoder = seeded_encoder(small_config)
    with torch.no_grad():
        for slot in encoder.checkpoint_slots().values():
            slot.zero_()
        for slot in encoder.checkpoint_slots().values():
            slot.add_(1)

    assert all((parameter == 1).all() for parameter in encoder.parameters())
