"""Damaged checkpoints are refused at once, in a sentence that says what is wrong."""

import json
import time
from pathlib import Path

import pytest
from made_checkpoints import INDEX, make_checkpoint

from ocrmill.model_adapter.checkpoint.check import CheckpointError, check_checkpoint


@pytest.mark.parametrize("name", ["num_hidden_layers", "n_routed_experts"])
def test_sizes_that_no_model_has_end_at_once(tmp_path: Path, name: str) -> None:
    """A thousand million layers or experts are not listed one by one."""
    folder = make_checkpoint(tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    config["language_config"][name] = 10**9
    (folder / "config.json").write_text(json.dumps(config))
    started = time.process_time()

    with pytest.raises(CheckpointError, match="more than 100,000 tensors"):
        check_checkpoint(folder)
    assert time.process_time() - started < 60


def test_an_index_of_nothing_is_damaged(tmp_path: Path) -> None:
    """Its files beside it do not count then: they may be of anything."""
    folder = make_checkpoint(tmp_path / "model")
    (folder / INDEX).write_text('{"weight_map": {}}')

    with pytest.raises(CheckpointError, match="weight_map is empty"):
        check_checkpoint(folder)


def test_a_folder_of_models_names_them(tmp_path: Path) -> None:
    """The folder above the models is a slip of the hand: the sentence lists those below."""
    for name in ("one", "two"):
        make_checkpoint(tmp_path / name)

    with pytest.raises(CheckpointError, match=r"is no model, but holds some: name one with --model \(one, two\)"):
        check_checkpoint(tmp_path)
