"""DeepSeek-OCR 2 in transformers: its own classes, our views of a page, our rules of decoding.

Pages are encoded one by one and decoded together. transformers gets embeddings, not pixels: so a page is encoded once,
and what it generates has no prompt in front.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import transformers
from tokenizers import Tokenizer

from ocrmill.model_adapter.checkpoint.check import CheckpointError, check_checkpoint
from ocrmill.model_adapter.checkpoint.versions import SECOND
from ocrmill.model_adapter.decoding.loop_stop import number_values
from ocrmill.model_adapter.decoding.ngram_rule import NGramRule
from ocrmill.model_adapter.native.config import native_config
from ocrmill.model_adapter.native.decoding import Row, RowEnds, RowRules, make_rows
from ocrmill.model_adapter.native.weights import fold_adapter
from ocrmill.model_adapter.prompts import IMAGE_TOKEN, prompt_text
from ocrmill.model_adapter.views import PageViews, UInt8s

Device = Literal["auto", "cpu", "cuda", "mps"]
_PAD = 2  # <|▁pad▁|>; rows that have ended are filled with it
_NO_MEMORY = re.compile(r"out of memory|can't allocate memory")  # on Apple's GPUs, and on CPUs
_UNUSED = "query_"  # tables for sizes of views that were never published, which some copies still hold


@dataclass(frozen=True, slots=True)
class PageRequest:
    """A page that is to be read."""

    views: PageViews
    prompt: str  # a name, or a text of one's own, as in prompts.py
    rule: NGramRule | None = None
    temperature: float = 0.0


@dataclass(frozen=True, slots=True)
class PageOutput:
    """The text of a page, special tokens included."""

    text: str
    prompt_tokens: int
    output_tokens: int
    finish_reason: str | None


class NativeModel:
    """A loaded model."""

    def __init__(self, folder: Path, *, device: Device = "auto", dtype: str = "auto", lora: Path | None = None) -> None:
        """Load a checkpoint in either layout.

        Raises:
            CheckpointError: it lacks tensors, or the adapter does not fit.
        """
        self.device = torch.device(_best_device() if device == "auto" else device)
        self.model = _load(folder, dtype)
        if lora is not None:
            fold_adapter(lora, dict(self.model.named_parameters()))
        self.model.to(self.device).eval()
        text = self.model.config.text_config
        self._begin, self._end = int(text.bos_token_id), int(text.eos_token_id)
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._image = int(self.model.config.image_token_id)
        self._numbers = number_values(self._tokenizer.get_vocab())

    @torch.inference_mode()
    def read(
        self,
        pages: Sequence[PageRequest],
        *,
        most_output: int,
        most_tokens: int,
        stop_loops: bool = True,
        on_step: Callable[[], bool] = lambda: False,
    ) -> list[PageOutput]:
        """Read pages together.

        Args:
            pages: one or more.
            most_output: tokens that a page may give.
            most_tokens: of its prompt and output together.
            stop_loops: end a page that loops.
            on_step: called for each page, and for each token of all; ends all pages if it returns true.

        Raises:
            MemoryError: the device has not enough of it.
        """
        try:
            return self._read(pages, most_output, most_tokens, stop_loops, on_step)
        except RuntimeError as error:
            if isinstance(error, torch.OutOfMemoryError) or _NO_MEMORY.search(str(error)):
                raise MemoryError(str(error)) from error
            raise

    def _read(
        self,
        pages: Sequence[PageRequest],
        most_output: int,
        most_tokens: int,
        stop_loops: bool,
        on_step: Callable[[], bool],
    ) -> list[PageOutput]:
        prompts = []
        for page in pages:
            prompts.append(self._embed(page))
            on_step()
        lengths = [len(prompt) for prompt in prompts]
        most = [max(1, min(most_output, most_tokens - length)) for length in lengths]
        rows = make_rows([(page.rule, page.temperature) for page in pages], most, self._numbers if stop_loops else None)
        embeddings, mask = _left_padded(prompts)
        self.model.generate(
            inputs_embeds=embeddings,
            attention_mask=mask,
            generation_config=transformers.GenerationConfig(
                do_sample=False,
                max_new_tokens=max(most),
                bos_token_id=self._begin,
                eos_token_id=self._end,
                pad_token_id=_PAD,
            ),
            logits_processor=transformers.LogitsProcessorList([RowRules(rows)]),
            stopping_criteria=transformers.StoppingCriteriaList([RowEnds(rows, self._end, on_step)]),
        )
        return [self._output(row, length) for row, length in zip(rows, lengths, strict=True)]

    def prompt_ids(self, prompt: str, visual_tokens: int) -> list[int]:
        """Return the ids of a page's prompt, with a placeholder for each of its visual tokens."""
        before, _, after = prompt_text(prompt).partition(IMAGE_TOKEN)
        pieces = (self._tokenizer.encode(text, add_special_tokens=False).ids for text in (before, after))
        start, question = pieces
        return [self._begin, *start, *[self._image] * visual_tokens, *question]

    def encode(self, views: PageViews) -> torch.Tensor:
        """Return the embeddings of a page: its tiles, its global view, the separator."""
        tiles = views.tiles
        features = self.model.get_image_features(
            pixel_values=self._pixels(views.global_view[np.newaxis]),
            pixel_values_local=self._pixels(tiles) if len(tiles) else None,
            num_local_patches=[len(tiles)],
            return_dict=True,
        )
        embeddings: torch.Tensor = features.pooler_output[0]
        return embeddings

    def _embed(self, page: PageRequest) -> torch.Tensor:
        visual = self.encode(page.views)
        ids = torch.tensor(self.prompt_ids(page.prompt, len(visual)), device=self.device)
        embeddings: torch.Tensor = self.model.get_input_embeddings()(ids).clone()
        embeddings[ids == self._image] = visual.to(embeddings.dtype)
        return embeddings

    def _pixels(self, views: UInt8s) -> torch.Tensor:
        """Views to what the encoder was trained on: -1 to 1, channels first."""
        pixels = torch.from_numpy(views.copy()).to(self.device).permute(0, 3, 1, 2)
        return ((pixels.float() / 255 - 0.5) / 0.5).to(self.model.dtype)

    def _output(self, row: Row, prompt_tokens: int) -> PageOutput:
        text = self._tokenizer.decode(row.tokens, skip_special_tokens=False)
        ended = row.finish_reason == "stop"
        return PageOutput(text, prompt_tokens, len(row.tokens) + ended, row.finish_reason)


def _load(folder: Path, dtype: str) -> Any:
    schema = check_checkpoint(folder, SECOND)
    kind = transformers.DeepseekOcr2Config
    transformers.logging.disable_progress_bar()  # it would write into the run's own
    config = kind.from_pretrained(folder) if schema is None else kind(**native_config(schema))
    model, said = transformers.DeepseekOcr2ForConditionalGeneration.from_pretrained(
        folder,
        config=config,
        dtype=dtype if dtype == "auto" else getattr(torch, dtype),
        attn_implementation="sdpa",
        local_files_only=True,
        use_safetensors=True,
        output_loading_info=True,
    )
    wrong = sorted({*said["missing_keys"], *map(str, said["mismatched_keys"])})
    wrong += [name for name in said["unexpected_keys"] if _UNUSED not in name]
    if wrong:
        raise CheckpointError(
            f"transformers does not find its way in {folder}: it has no place, or no value, for {wrong[0]}"
        )
    return model


def _left_padded(prompts: Sequence[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return prompts of different lengths as (rows, tokens, width), with a mask of what is there; they end together."""
    longest = max(map(len, prompts))
    embeddings = prompts[0].new_zeros(len(prompts), longest, prompts[0].shape[1])
    mask = torch.zeros(len(prompts), longest, dtype=torch.long, device=embeddings.device)
    for row, prompt in enumerate(prompts):
        embeddings[row, longest - len(prompt) :] = prompt
        mask[row, longest - len(prompt) :] = 1
    return embeddings, mask


def _best_device() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
