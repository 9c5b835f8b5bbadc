"""The first DeepSeek-OCR in vLLM's hands: config in both published forms, tokenizer, placeholders, and refusals."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ocrmill.model_adapter.checkpoint.published_config import ModelSize, published_config
from ocrmill.model_adapter.checkpoint.versions import FIRST, SECOND
from ocrmill.model_adapter.plugin import engine_arguments
from ocrmill.model_adapter.prompts import prompt_text
from ocrmill.model_adapter.tiling import FIRST_MODES, LAYOUTS
from ocrmill.model_adapter.views import PageViews, cut_views

pytestmark = pytest.mark.filterwarnings("ignore")  # vLLM's own imports warn

IMAGE_ID = 128815


@pytest.fixture(scope="module")
def make_folder(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Write a folder with the config of a tiny first model, or another, and the tokenizer of all; without weights."""

    def make(**changes: Any) -> Path:
        folder = tmp_path_factory.mktemp("first") / "model"
        folder.mkdir()
        for file in tiny_checkpoint.glob("*token*"):
            (folder / file.name).symlink_to(file)
        config = published_config(ModelSize.TINY, FIRST) | changes
        (folder / "config.json").write_text(json.dumps(config))
        return folder

    return make


def test_both_forms_of_config_get_the_right_tokenizer_and_sizes(
    make_folder: Callable[..., Path], make_model_config: Callable[..., Any], vllm_environment: dict[str, str]
) -> None:
    """As published, and under the model type that the published code saves: blanks stay, and the encoder is CLIP's."""
    from vllm.tokenizers import cached_tokenizer_from_config

    from ocrmill.model_adapter.checkpoint.hf_config import published_schema
    from ocrmill.model_adapter.vision.config import ClipEncoderConfig

    for folder in (make_folder(), make_folder(model_type=FIRST.resaved_type)):
        config = make_model_config(folder, **engine_arguments(version=FIRST))
        tokenizer = cached_tokenizer_from_config(config)

        assert config.architecture == FIRST.architecture
        assert config.hf_config.model_type == FIRST.vllm_type
        assert ClipEncoderConfig.from_hf(published_schema(config.hf_config)).clip.width == 128
        assert tokenizer.decode(tokenizer.encode("a b\n  c", add_special_tokens=False)) == "a b\n  c"


@pytest.mark.parametrize("mode", FIRST_MODES)
def test_each_mode_has_its_number_of_placeholders(
    make_folder: Callable[..., Path], make_processor: Callable[..., Any], mode: str
) -> None:
    """A page and its views get as many placeholders as the layout counts, and the most that memory is planned for."""
    processor = make_processor(directory=make_folder(), **engine_arguments(version=FIRST, mode=mode))
    layout, page = LAYOUTS[mode], np.zeros((1584, 1224, 3), np.uint8)
    for image in (page, cut_views(page, layout)):
        items = processor.info.parse_mm_data({"image": image})
        result = processor(prompt_text(), items)
        data = result["mm_kwargs"]["image"][0].get_data()

        assert result["prompt_token_ids"].count(IMAGE_ID) == layout.num_visual_tokens(layout.plan(1224, 1584))
        assert data["global_view_nhwc"].shape == (layout.global_px, layout.global_px, 3)
        assert data["tiles_nhwc"].shape[1:] == (layout.tile_px, layout.tile_px, 3)
        assert int(data["columns"]) == layout.plan(1224, 1584).columns
    dummy = processor.get_dummy_mm_inputs({"image": 1})
    assert dummy["mm_placeholders"]["image"][0].length == layout.most_visual_tokens


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"mode": "huge"},
            "mode in mm_processor_kwargs must be one of tiny, small, base, large, gundam, gundam-master",
        ),
        ({"max_crops": 9}, "has max_crops, but max_tiles and mode are all"),
    ],
)
def test_settings_that_there_are_not_are_refused(
    make_folder: Callable[..., Path], make_processor: Callable[..., Any], settings: dict[str, Any], message: str
) -> None:
    """A mode or a setting that the model does not have is named, with those that it has."""
    arguments = engine_arguments(version=FIRST) | {"mm_processor_kwargs": settings}
    with pytest.raises(ValueError, match=message):
        make_processor(directory=make_folder(), **arguments).get_dummy_mm_inputs({"image": 1})


def test_another_mode_and_a_wrong_grid_are_refused(
    make_folder: Callable[..., Path], make_processor: Callable[..., Any]
) -> None:
    """A request cannot change the engine's mode, and tiles that make no grid of the columns they claim are refused."""
    processor = make_processor(directory=make_folder(), **engine_arguments(version=FIRST))
    page = processor.info.parse_mm_data({"image": np.zeros((300, 300, 3), np.uint8)})
    with pytest.raises(ValueError, match="mode 'base' is not the engine's"):
        processor(prompt_text(), page, hf_processor_mm_kwargs={"mode": "base"})
    views = PageViews(np.zeros((1024, 1024, 3), np.uint8), np.zeros((3, 640, 640, 3), np.uint8), columns=2)
    with pytest.raises(ValueError, match="3 tiles make no grid of 2 columns"):
        processor(prompt_text(), processor.info.parse_mm_data({"image": views}))


def test_each_model_refuses_the_other_and_names_its_engine(
    make_folder: Callable[..., Path], tiny_checkpoint: Path, vllm_environment: dict[str, str]
) -> None:
    """Under the other one's architecture the check of the engine's settings says what the folder holds."""
    from vllm.engine.arg_utils import EngineArgs

    for folder, version, other in ((tiny_checkpoint, FIRST, SECOND), (make_folder(), SECOND, FIRST)):
        arguments = engine_arguments(version=version) | {"max_model_len": 2048}
        said = f"holds {other.title}, not {version.title}: read it with --engine {other.engine}, or"
        with pytest.raises(ValueError, match=said):
            EngineArgs(str(folder), **arguments).create_engine_config()
