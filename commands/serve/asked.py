"""The query of a request: which pages, by which route, and the form of the answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from starlette.datastructures import QueryParams

from ocrmill.commands.export.document_text import TextForm
from ocrmill.commands.serve.refusal import wrong
from ocrmill.configs.errors import SettingsError
from ocrmill.configs.part import PageChoice
from ocrmill.configs.settings import RouteMode

AnswerFormat = Literal["json", "markdown", "ndjson"]
PAGE_AFTER_PAGE = TextForm()
_TRUTHS = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True, slots=True)
class Asked:
    """The wishes in the query of a request."""

    format: AnswerFormat = "json"
    pages: PageChoice | None = None
    route: RouteMode | None = None
    prompt: str | None = None
    form: TextForm = PAGE_AFTER_PAGE

    @classmethod
    def parse(cls, query: QueryParams) -> "Asked":
        """Read a query.

        Raises:
            Refusal: a parameter is unknown, stands there twice, or has no such value.
        """
        names = [name for name, _ in query.multi_items()]
        known = ", ".join((*_PARSERS, "name"))
        for name in names:
            if name not in _PARSERS and name != "name":
                raise wrong(f"there is no parameter {name!r}: these are {known}")
            if names.count(name) > 1:
                raise wrong(f"{name} stands in the query more than once: give it once")
        values = {name: parse(name, query[name]) for name, parse in _PARSERS.items() if name in query}
        form = TextForm(values.pop("furniture", True), values.pop("continuous", False))
        asked = cls(**values, form=form)
        if form != PAGE_AFTER_PAGE and asked.format != "markdown":
            raise wrong("furniture and continuous go with format=markdown")
        return asked


def _pages(_name: str, value: str) -> PageChoice:
    try:
        return PageChoice.parse(value)
    except SettingsError:
        raise wrong(f"pages={value}: write pages and ranges as 1-10 or 1-3,7,10-; the first page is 1") from None


def _one_of(words: tuple[str, ...]) -> Callable[[str, str], str]:
    def parse(name: str, value: str) -> str:
        if value not in words:
            raise wrong(f"{name}={value}: choose {', '.join(words[:-1])} or {words[-1]}")
        return value

    return parse


def _truth(name: str, value: str) -> bool:
    if value not in _TRUTHS:
        raise wrong(f"{name}={value}: choose true or false")
    return _TRUTHS[value]


_PARSERS: Mapping[str, Callable[[str, str], Any]] = {
    "format": _one_of(cast("tuple[str, ...]", get_args(AnswerFormat))),
    "pages": _pages,
    "route": _one_of(cast("tuple[str, ...]", get_args(RouteMode))),
    "prompt": lambda _, value: value,
    "furniture": _truth,
    "continuous": _truth,
}
