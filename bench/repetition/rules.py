"""Rules of others, each as its source states it, in our own words. True is: the page repeats itself."""

import re
import zlib
from collections import Counter
from collections.abc import Callable, Sequence

from ocrmill.configs.settings import QualitySettings
from ocrmill.pipeline.quality.flags import judge
from ocrmill.pipeline.quality.repetition.measures import measure_repetition

Rule = Callable[[str, str], bool]  # the text, and the engine's finish_reason

_GOPHER_TOP = {2: 0.20, 3: 0.18, 4: 0.16}
_GOPHER_COPIES = {5: 0.15, 6: 0.14, 7: 0.13, 8: 0.12, 9: 0.11, 10: 0.10}
_SETTINGS = QualitySettings()


def ocrmill(text: str, finish_reason: str) -> bool:
    """The flag of our rows."""
    measures = measure_repetition(text)
    return judge(measures, text_chars=len(text), finish_reason=finish_reason, settings=_SETTINGS).repetition_flag


def gopher(text: str, _: str) -> bool:
    """Gopher's limits of repeated lines, paragraphs and n-grams (Rae et al., arXiv 2112.11446, table A1)."""
    lines, paragraphs = re.split(r"\n+", text.strip()), re.split(r"\n{2,}", text.strip())
    if _copied(lines) > 0.30 or _copied(paragraphs) > 0.30:
        return True
    if _copied_chars(lines, text) > 0.20 or _copied_chars(paragraphs, text) > 0.20:
        return True
    words = text.split()
    if any(_top_share(words, n, text) > limit for n, limit in _GOPHER_TOP.items()):
        return True
    return any(_copied_ngrams(words, n, text) > limit for n, limit in _GOPHER_COPIES.items())


def finepdfs(text: str, _: str) -> bool:
    """FinePDFs' rules for pages that an OCR model streams: equal lines, equal sentences, one character."""
    lines = Counter(line.strip() for line in text.split("\n") if line.strip())
    if any(count >= (9 if "|" in line else 12 if len(line) < 8 else 3) for line, count in lines.items()):
        return True
    sentences = Counter(part.strip() for part in re.split(r"[.!?。]\s*", text) if len(part.strip()) >= 50)
    return max(sentences.values(), default=0) >= 5 or re.search(r"(\S)\1{349}", text) is not None


def nougat(text: str, _: str) -> bool:
    """Nougat's cut of repeated ends: the last 30 or more characters, without regard to case, stand there twice."""
    text = text.lower()
    return any(text.endswith(text[-2 * size : -size]) for size in range(30, len(text) // 2) if len(text) >= 2 * size)


def whisper(text: str, _: str) -> bool:
    """Whisper's limit of the compression ratio, 2.4."""
    encoded = text.encode("utf-8", "surrogatepass")
    return len(encoded) / max(1, len(zlib.compress(encoded))) > 2.4


def vllm_detection(text: str, _: str) -> bool:
    """VLLM's `repetition_detection`, looked at after every token: a pattern of at most 50 tokens ten times in a row.

    The tokens are words, numbers and signs; the numbers of turns and of tokens are ours, vLLM has no default.
    """
    numbers: dict[str, int] = {}
    tokens = [numbers.setdefault(token, len(numbers)) for token in re.findall(r"\w+|[^\w\s]", text)]
    return repeats_in_a_row(tokens, most_tokens=50, turns=10)


def repeats_in_a_row(tokens: Sequence[int], *, most_tokens: int, turns: int) -> bool:
    """Tell if any pattern of up to `most_tokens` tokens stands `turns` times in a row anywhere."""
    for size in range(1, most_tokens + 1):
        equal = 0
        for token, before in zip(tokens[size:], tokens, strict=False):
            equal = equal + 1 if token == before else 0
            if equal >= size * (turns - 1):
                return True
    return False


def no_end(_: str, finish_reason: str) -> bool:
    """DeepSeek's rule: the model came to its limit before it ended the page."""
    return finish_reason == "length"


RULES: dict[str, Rule] = {
    "ocrmill": ocrmill,
    "Gopher": gopher,
    "FinePDFs": finepdfs,
    "Nougat": nougat,
    "Whisper": whisper,
    "vLLM": vllm_detection,
    "no EOS": no_end,
}


def _copied(parts: list[str]) -> float:
    return 1 - len(set(parts)) / len(parts)


def _copied_chars(parts: list[str], text: str) -> float:
    return (sum(map(len, parts)) - sum(map(len, set(parts)))) / max(1, len(text))


def _top_share(words: list[str], n: int, text: str) -> float:
    grams = Counter(" ".join(words[at : at + n]) for at in range(len(words) - n + 1))
    gram, count = max(grams.items(), key=lambda item: len(item[0]) * item[1], default=("", 0))
    return len(gram) * count / max(1, len(text))


def _copied_ngrams(words: list[str], n: int, text: str) -> float:
    seen: set[str] = set()
    copied = at = 0
    while at < len(words) - n + 1:
        gram = "".join(words[at : at + n])
        if gram in seen:
            copied += len(gram)
            at += n
        else:
            seen.add(gram)
            at += 1
    return copied / max(1, len(text))
