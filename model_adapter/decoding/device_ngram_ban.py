"""No n-gram twice within a window, for vLLM's V2 model runner: the rule of `ngram_ban.py`, computed on the device.

V2 keeps the ids of each request on the device, and gives them to a processor with each step's layout. So nothing passes
through the host: a step is a gather of the last ids of each row, a comparison of the n - 1 newest with those at every
lag, and one scatter. No shape depends on what is found, so that no operation waits for the device.

Under speculative decoding a request has a row for each draft token, and the ids before a row end with the drafts before
it: each row is banned what it would be banned if those drafts were accepted. That is the rule itself, so a draft that
breaks it is refused as any other wrong one is.

Hand it to vLLM as `logits_processors=["ocrmill.model_adapter.decoding.device_ngram_ban:DeviceNGramBan"]`. Proven on the
CPU against the official rule, with vLLM's own state and sampler; never run on a GPU.
"""

import numpy as np
import torch
from vllm import SamplingParams
from vllm.config import VllmConfig
from vllm.v1.worker.gpu.buffer_utils import UvaBackedTensor
from vllm.v1.worker.gpu.sample.logits_processor import LogitsContext, LogitsProcessor, LogitsProcRequestState

from ocrmill.model_adapter.decoding.ngram_rule import NGramRule, read_rule

MOST_WHITELISTED = 64  # ids of a request; the authors have two
_NO_ID = -1


class DeviceNGramBan(LogitsProcessor):  # type: ignore[misc] # mypy skips vllm
    """Sets the logits of banned ids to -inf, for the requests that send `ngram_size`.

    Legend: s = slots of requests, r = rows of logits, k = places before the row's token, d = lags from 1 on, j = ids
    that must agree, i = whitelisted ids.
    """

    def __init__(self, vllm_config: VllmConfig, req_states: LogitsProcRequestState) -> None:
        super().__init__(vllm_config, req_states)
        self._requests = req_states
        slots = req_states.max_num_reqs
        self._ngram_s = UvaBackedTensor(slots, dtype=torch.int32)  # 0: the request does not follow the rule
        self._window_s = UvaBackedTensor(slots, dtype=torch.int32)
        self._whitelist_si = UvaBackedTensor((slots, MOST_WHITELISTED), dtype=torch.int32)
        self._whitelist_si.np[:] = _NO_ID
        self._most_agreeing = self._most_lags = self._most_whitelisted = 1  # of all requests so far: they only grow
        self._places_k = torch.arange(0)

    @classmethod
    def validate_params(cls, sampling_params: SamplingParams) -> None:
        """Refuse a request whose rule cannot be followed.

        Raises:
            ValueError: naming the key of `extra_args`.
        """
        rule = read_rule(sampling_params)
        if rule is not None and len(rule.whitelist) > MOST_WHITELISTED:
            raise ValueError(f"whitelist_token_ids must be {MOST_WHITELISTED} at most, not {len(rule.whitelist)}")

    def add_request(self, req_idx: int, sampling_params: SamplingParams) -> bool:
        """Write the rule of a request into its slot; False if it has none."""
        rule = read_rule(sampling_params)
        if rule is None:
            self._ngram_s.np[req_idx] = 0
            return False
        self._ngram_s.np[req_idx] = rule.ngram_size
        self._window_s.np[req_idx] = rule.window_size
        ids = sorted(rule.whitelist)
        self._whitelist_si.np[req_idx] = _NO_ID
        self._whitelist_si.np[req_idx, : len(ids)] = ids
        self._make_room(rule)
        return True

    def apply_staged_writes(self) -> None:
        """Send the rules to the device."""
        for rules in (self._ngram_s, self._window_s, self._whitelist_si):
            rules.copy_to_uva()

    def apply(self, logits: torch.Tensor, ctx: LogitsContext) -> torch.Tensor:
        """Ban in place. `logits` is (rows, vocabulary), float32."""
        if not np.any(self._ngram_s.np[ctx.idx_mapping_np]):
            return logits
        slots_r = ctx.expanded_idx_mapping.long()
        tail_rk = self._tails(slots_r, ctx)
        ids_rd = tail_rk[:, : self._most_lags]
        bans_rd = self._repeats(slots_r, tail_rk, ctx)
        whitelist_ri = self._whitelist_si.gpu[slots_r, : self._most_whitelisted]
        bans_rd &= ~(ids_rd.unsqueeze(-1) == whitelist_ri.unsqueeze(1)).any(-1)
        limits_rd = torch.where(bans_rd, -torch.inf, torch.inf).to(logits.dtype)
        # One id may stand at several lags: the least limit holds, in whatever order they are written.
        return logits.scatter_reduce_(1, ids_rd.long().clamp(min=0), limits_rd, "amin")

    def _tails(self, slots_r: torch.Tensor, ctx: LogitsContext) -> torch.Tensor:
        """Gather the ids that end with each row's token, the newest first; drafts are in this step's input only."""
        committed = self._requests.all_token_ids.gpu
        places_rk = (ctx.pos.long().unsqueeze(1) - self._places_k).clamp(min=0)
        committed_rk = committed[slots_r.unsqueeze(1), places_rk]
        rows_r = torch.arange(len(slots_r), device=slots_r.device)
        drafts_rk = ctx.input_ids[(rows_r.unsqueeze(1) - self._places_k).clamp(min=0)]
        is_draft_rk = self._places_k < ctx.expanded_local_pos.unsqueeze(1)
        tails_rk: torch.Tensor = torch.where(is_draft_rk, drafts_rk.to(committed.dtype), committed_rk)
        return tails_rk

    def _repeats(self, slots_r: torch.Tensor, tail_rk: torch.Tensor, ctx: LogitsContext) -> torch.Tensor:
        """Tell at which lags the id would complete an n-gram that is within the window already."""
        ngram_r, window_r = self._ngram_s.gpu[slots_r].long(), self._window_s.gpu[slots_r].long()
        written_r = ctx.pos.long() + 1 - self._requests.prompt_len.gpu[slots_r]
        newest_rj = tail_rk[:, : self._most_agreeing]
        earlier_rdj = tail_rk[:, 1:].unfold(1, self._most_agreeing, 1)
        is_free_rj = self._places_k[: self._most_agreeing] >= (ngram_r - 1).unsqueeze(1)
        agrees_rd = ((earlier_rdj == newest_rj.unsqueeze(1)) | is_free_rj.unsqueeze(1)).all(-1)
        begins_rd = self._places_k[: self._most_lags] + ngram_r.unsqueeze(1)  # places back: lag + ngram - 1
        is_inside_rd = begins_rd <= torch.minimum(written_r, window_r).unsqueeze(1)
        repeats_rd: torch.Tensor = agrees_rd & is_inside_rd & (ngram_r > 0).unsqueeze(1)
        return repeats_rd

    def _make_room(self, rule: NGramRule) -> None:
        self._most_agreeing = max(self._most_agreeing, rule.ngram_size - 1)
        self._most_lags = max(self._most_lags, rule.num_lags)
        self._most_whitelisted = max(self._most_whitelisted, len(rule.whitelist))
        needed = self._most_agreeing + self._most_lags
        if len(self._places_k) < needed:
            self._places_k = torch.arange(needed, device=self._requests.device)
