"""Options that stand for settings."""

from typing import Any

import pytest

from ocrmill.configs.load import load_settings
from ocrmill.configs.shortcuts import shortcuts


@pytest.mark.parametrize("named", [{"model": "models/x"}, {"lora": "adapters/x"}, {"model": ""}])
def test_a_model_that_is_named_is_the_one_that_reads(named: dict[str, Any]) -> None:
    """Without --engine: a path that is wrong, or a machine without a GPU, must not end in pages read by RapidOCR."""
    assert load_settings([], shortcuts(**named)).engine.name == "deepseek-ocr2"
    assert load_settings([], shortcuts(**named, engine="auto")).engine.name == "auto"


def test_no_option_sets_nothing() -> None:
    """Settings files decide, where no option is given."""
    assert shortcuts() == []
