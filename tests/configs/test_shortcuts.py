"""Options that stand for settings."""

from pathlib import Path
from typing import Any

import pytest

from ocrmill.commands.terminal.chosen_settings import settings_of_options
from ocrmill.configs.errors import SettingsError
from ocrmill.configs.load import load_settings
from ocrmill.configs.shortcuts import shortcuts


@pytest.mark.parametrize("named", [{"model": "models/x"}, {"lora": "adapters/x"}, {"model": ""}])
def test_a_model_that_is_named_is_the_one_that_reads(named: dict[str, Any]) -> None:
    """Without --engine: a path that is wrong, or a machine without a GPU, must not end in pages read by RapidOCR."""
    assert load_settings([], shortcuts(**named)).engine.name == "deepseek-ocr2"
    assert load_settings([], shortcuts(**named, engine="auto")).engine.name == "auto"


@pytest.mark.parametrize("named", ["file", "--set"])
def test_a_model_is_one_of_the_servers_where_settings_name_the_endpoint(named: str, tmp_path: Path) -> None:
    """`--model` beside a settings file, or a `--set`, with the engine endpoint names the model there; a flag wins."""
    file = tmp_path / "servers.toml"
    file.write_text('[engine]\nname = "endpoint"\n')
    configs, sets = ([str(file)], []) if named == "file" else ([], ["engine.name=endpoint"])
    engine = settings_of_options(configs, sets, model="mine").engine

    assert ("endpoint", "mine") == (engine.name, engine.endpoint.model)
    with pytest.raises(SettingsError, match="--lora is for --engine deepseek-ocr2"):
        settings_of_options(configs, sets, lora="adapters/x")
    if named == "file":
        assert "deepseek-ocr2" == settings_of_options(configs, [], engine="deepseek-ocr2", model="x").engine.name


def test_no_option_sets_nothing() -> None:
    """Settings files decide, where no option is given."""
    assert shortcuts() == []
