"""Write the body of a request for a page, by a profile: all of it once, the image for each page."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pybase64

from ocrmill.configs.profiles.profile import Profile
from ocrmill.pipeline.records import RetryParams
from ocrmill.workers.rendering.encoded_page import EncodedPage

_IMAGE = "ocrmill-image-goes-here"  # replaced by base64, which JSON writes as it is
ROOM_FOR_PAGE = 1200  # tokens of an image and its prompt, where a profile asks for the whole context
MOST_WRITTEN = 64  # requests that are kept without their image: clients of the service may ask as they like
_VLLMS_OWN = ("top_k", "min_p", "repetition_penalty")  # fields of Sampling that OpenAI's interface does not have


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model under the name that a server has for it, and what is known of the server."""

    name: str
    kind: str = "vllm"  # of the server: vllm, sglang, openai
    context: int | None = None  # tokens of page and answer together


class RequestWriter:
    """Writes requests to one server."""

    def __init__(self, profile: Profile, model: ServedModel, max_tokens: int | None = None) -> None:
        self._profile = profile
        self.model = model
        self.max_tokens = _fitting(max_tokens or profile.sampling.max_tokens, model.context)
        self._written: dict[tuple[Any, ...], tuple[bytes, bytes]] = {}

    def body(self, image: EncodedPage, params: RetryParams | None = None, max_tokens: int | None = None) -> bytes:
        """Write the request for a page; with `params` as a further attempt.

        Args:
            image: the page.
            params: what differs in a further attempt.
            max_tokens: fewer than usual, to see if a server answers.
        """
        key = (image.format, None if params is None else (params.prompt, params.temperature), max_tokens)
        if key not in self._written:
            if len(self._written) >= MOST_WRITTEN:
                self._written.clear()
            fields = dict(self._fields(params), max_tokens=max_tokens or self.max_tokens)
            before, _, after = json.dumps(fields, ensure_ascii=False).partition(_IMAGE)
            start = f"{before}data:image/{image.format};base64,"
            self._written[key] = (start.encode(), after.encode())
        before_image, after_image = self._written[key]
        return b"".join((before_image, pybase64.b64encode(image.data), after_image))

    def _fields(self, params: RetryParams | None) -> dict[str, Any]:
        profile = self._profile
        sampling = profile.sampling.model_dump(exclude_none=True, mode="json")
        if params is not None:
            sampling["temperature"] = params.temperature
        if self.model.kind == "openai":
            sampling = {name: value for name, value in sampling.items() if name not in _VLLMS_OWN}
        extra: Mapping[str, Any] = next(
            (fields for name, fields in profile.extra.items() if name == self.model.kind), {}
        )
        return {
            "model": self.model.name,
            "messages": list(self._messages(params)),
            **sampling,
            **extra,
            "stream": True,
            "stream_options": {"include_usage": True},
        }

    def _messages(self, params: RetryParams | None) -> Iterator[dict[str, Any]]:
        profile = self._profile
        if profile.system is not None:
            yield {"role": "system", "content": profile.system}
        prompt = None if params is None else params.prompt  # a name of the profile's, or a text
        image = {"type": "image_url", "image_url": {"url": _IMAGE}}
        text = {"type": "text", "text": profile.prompt if prompt is None else profile.prompts.get(prompt, prompt)}
        parts = {"image_only": [image], "image_text": [image, text], "text_image": [text, image]}
        yield {"role": "user", "content": parts[profile.order]}


def _fitting(max_tokens: int, context: int | None) -> int:
    """Return fewer tokens where the context has no room for as many beside the page: some servers refuse that."""
    if context is None or max_tokens + ROOM_FOR_PAGE <= context:
        return max_tokens
    return max(min(max_tokens, context - ROOM_FOR_PAGE), context // 4, 1)
