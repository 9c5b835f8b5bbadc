"""What tests of several folders use."""

from pathlib import Path

import pytest

from model_adapter.published_config import ModelSize
from model_adapter.seeded import seed_checkpoint


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DeepSeek-OCR 2 in the published layout with seeded weights, 180 MB."""
    directory = tmp_path_factory.mktemp("checkpoint") / "tiny"
    seed_checkpoint(directory, ModelSize.TINY)
    return directory
