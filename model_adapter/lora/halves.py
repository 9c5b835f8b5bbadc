"""Split an adapter into the encoder's half, which is folded into the weights, and the decoder's, which vLLM applies.

vLLM itself leaves out tensors for the encoder without a word if their modules have names that the decoder has, too
(`q_proj` to `down_proj`), and ends with an error if not. So it gets a folder that has the decoder's only.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from ocrmill.model_adapter.checkpoint.check import read_json
from ocrmill.model_adapter.checkpoint.safetensors_header import read_header
from ocrmill.model_adapter.lora.tensor_names import CONFIG, WEIGHTS, AdapterTensor, parse_name


@dataclass(frozen=True, slots=True)
class AdapterHalves:
    """The folders of the halves that an adapter has."""

    encoder: Path | None = None  # with the decoder's half, too, if there is one
    decoder: Path | None = None
    written: TemporaryDirectory[str] | None = None  # the decoder's, if it had to be taken out

    def close(self) -> None:
        """Remove what was written."""
        if self.written is not None:
            self.written.cleanup()


def split_adapter(folder: Path) -> AdapterHalves:
    """Return the halves of an adapter that passed its check."""
    if not holds_encoder_half(folder):
        return AdapterHalves(decoder=folder)
    if not holds_decoder_half(folder):
        return AdapterHalves(encoder=folder)
    written = TemporaryDirectory(prefix="ocrmill-adapter-")
    _write_decoder_half(folder, Path(written.name))
    return AdapterHalves(folder, Path(written.name), written)


def holds_encoder_half(folder: Path) -> bool:
    """Tell if an adapter that passed its check changes the encoder."""
    return any(not tensor.is_of_decoder for tensor in _tensors(folder))


def holds_decoder_half(folder: Path) -> bool:
    """Tell if an adapter that passed its check changes the decoder."""
    return any(tensor.is_of_decoder for tensor in _tensors(folder))


def _tensors(folder: Path) -> Iterable[AdapterTensor]:
    return map(parse_name, read_header(folder / WEIGHTS))


def _write_decoder_half(folder: Path, target: Path) -> None:
    from safetensors import safe_open
    from safetensors.torch import save_file

    with safe_open(folder / WEIGHTS, framework="pt") as file:
        names = [name for name in file.keys() if parse_name(name).is_of_decoder]  # noqa: SIM118 - it is no mapping
        save_file({name: file.get_tensor(name) for name in names}, target / WEIGHTS)
    config = read_json(folder / CONFIG) | {"modules_to_save": None}  # those that pass the check are the encoder's
    (target / CONFIG).write_text(json.dumps(config), encoding="utf-8")
