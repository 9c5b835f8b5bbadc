"""No n-gram twice within a window: DeepSeek-OCR's rule against loops, as a batch logits processor of vLLM.

With L generated ids, n = `ngram_size` and w = `window_size`, the official rule is: for each i from max(0, L - w) to
L - n at which ids[i : i + n - 1] are the last n - 1 ids, ban the id at i + n - 1, unless it is whitelisted. Prompt ids
do not count. Put in lags d = L - (i + n - 1): the id d places back is banned if the last n - 1 ids each equal the one
d places before, for d from 1 to w - n + 1. So one counter per lag suffices: it grows where the newest id equals the
one d places before, and falls to 0 where not. A step of the whole batch is one compiled loop over rows and
lags, whatever the length of the texts, and one tensor operation where anything is banned.

Hand it to vLLM as `logits_processors=["ocrmill.model_adapter.decoding.ngram_ban:NGramBan"]`, not as an entry point:
only so does vLLM, when it schedules ahead, fill in the newest ids before they are read. Not covered: the V2 model
runner, which refuses processors of this interface (`VLLM_USE_V2_MODEL_RUNNER=0` selects V1; for V2 there is
`device_ngram_ban.py`), and speculative decoding, for which V1 refuses all processors.
"""

from dataclasses import dataclass
from operator import itemgetter

import numpy as np
import torch
from vllm import SamplingParams
from vllm.config import VllmConfig
from vllm.v1.sample.logits_processor import BatchUpdate, LogitsProcessor, MoveDirectionality

from ocrmill.model_adapter.decoding.ngram_rule import NGramRule, read_rule
from ocrmill.model_adapter.decoding.repeat_table import RepeatTable

_PLACEHOLDER = -1  # vLLM's id of a token that is still being sampled
_NEWEST = itemgetter(-1)


@dataclass(frozen=True, slots=True)
class _Stream:
    """The parameters of a request, and the list to which vLLM appends its output."""

    rule: NGramRule
    ids: list[int]


class NGramBan(LogitsProcessor):  # type: ignore[misc] # mypy skips vllm
    """Sets the logits of banned ids to -inf, for the requests that send `ngram_size`."""

    @classmethod
    def validate_params(cls, sampling_params: SamplingParams) -> None:
        """Refuse a request whose rule cannot be followed.

        Raises:
            ValueError: naming the key of `extra_args`.
        """
        read_rule(sampling_params)

    def __init__(self, vllm_config: VllmConfig, device: torch.device, is_pin_memory: bool) -> None:
        max_rows = vllm_config.scheduler_config.max_num_seqs
        self._device, self._pin_memory = device, is_pin_memory
        self._table = RepeatTable(max_rows)
        self._streams: dict[int, _Stream] = {}  # by row of the batch
        self._list_streams()

    def is_argmax_invariant(self) -> bool:
        """False: greedy decoding must not skip it."""
        return False

    def update_state(self, batch_update: BatchUpdate | None) -> None:
        """Follow the requests to their new rows; `apply` reads, for the newest ids may not be known before."""
        if batch_update is None:
            return
        for row in batch_update.removed:
            self._remove(row)
        for row, params, _, output_ids in batch_update.added:
            self._remove(row)
            rule = read_rule(params)
            if rule is not None:
                self._streams[row] = _Stream(rule, output_ids)
                self._table.begin(row, rule)
        for row, target, direction in batch_update.moved:
            self._swap(row, target)
            if direction is MoveDirectionality.UNIDIRECTIONAL:
                self._remove(row)
        self._list_streams()

    def apply(self, logits: torch.Tensor) -> torch.Tensor:
        """Ban in place. `logits` is (rows of the batch, vocabulary), float32.

        Raises:
            RuntimeError: vLLM has not filled in the newest ids.
        """
        self._read()
        bans = self._table.bans(logits.shape[1])
        if not len(bans):
            return logits
        places = torch.from_numpy(bans)
        if self._device.type != "cpu":
            places = (places.pin_memory() if self._pin_memory else places).to(self._device, non_blocking=True)
        # Half the time of index_put_ with rows and ids. A view, which fails where the logits are no block.
        logits.view(-1).index_fill_(0, places, -torch.inf)
        return logits

    def _read(self) -> None:
        lengths = np.fromiter(map(len, self._outputs), dtype=np.int64, count=len(self._outputs))
        try:
            newest = np.fromiter(map(_NEWEST, self._outputs), dtype=np.int32, count=len(self._outputs))
        except IndexError:  # a request has no id yet
            newest = np.array([ids[-1] if ids else _PLACEHOLDER for ids in self._outputs], dtype=np.int32)
        for row in self._table.follow(self._rows, lengths, newest).tolist():
            self._read_again(row)

    def _read_again(self, row: int) -> None:
        """Read a row whose output came as a whole (a preempted request goes on) or was cut by vLLM."""
        stream = self._streams[row]
        if _PLACEHOLDER in stream.ids[-stream.rule.window_size :]:
            raise RuntimeError(
                "vLLM has not filled in the ids of the last step: name "
                "ocrmill.model_adapter.decoding.ngram_ban:NGramBan in "
                "the engine's logits_processors, not as an entry point"
            )
        self._table.begin(row, stream.rule, stream.ids)

    def _list_streams(self) -> None:
        rows = sorted(self._streams)
        self._rows = np.array(rows, dtype=np.int64)
        self._outputs = [self._streams[row].ids for row in rows]

    def _remove(self, row: int) -> None:
        if self._streams.pop(row, None) is not None:
            self._table.clear(row)

    def _swap(self, row: int, other: int) -> None:
        streams = (self._streams.pop(row, None), self._streams.pop(other, None))
        for place, stream in zip((other, row), streams, strict=True):
            if stream is not None:
                self._streams[place] = stream
        self._table.swap(row, other)
