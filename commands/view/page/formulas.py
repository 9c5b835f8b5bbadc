r"""Formulas of a page as MathML, which browsers draw themselves.

latex2mathml gives no safe HTML: `\text{<script>}` comes out as a tag, and `\href` as a link. So only its tree is taken,
and written again: elements and attributes of a list, all text escaped.
"""

import re
from html import escape, unescape
from typing import TYPE_CHECKING

from ocrmill.pipeline.printable import printable

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

FORMULA = re.compile(r"\\\[(.+?)\\\]|\\\((.+?)\\\)|\$\$(.+?)\$\$", re.DOTALL)
LONGEST_FORMULA = 4_000  # characters; a longer one is shown as its source
DEEPEST = 60  # elements within each other
_ELEMENTS = frozenset(
    "math mrow mi mo mn mtext mspace ms mfrac msqrt mroot mstyle merror mpadded mphantom mfenced menclose msub "  # noqa: SIM905
    "msup msubsup munder mover munderover mmultiscripts mprescripts none mtable mtr mtd mlabeledtr semantics".split()
)
_ATTRIBUTES = frozenset(
    "display displaystyle scriptlevel mathvariant stretchy fence separator accent accentunder lspace rspace width "  # noqa: SIM905
    "height depth linethickness columnalign rowspacing columnspacing columnlines rowlines notation movablelimits "
    "symmetric minsize maxsize form".split()
)
_VALUE = re.compile(r"[\w.%+\- ]{1,60}")


def to_mathml(found: re.Match[str]) -> str:
    """Return the formula that FORMULA matched as MathML; as its source if it does not parse."""
    block, inline, dollars = found.groups()
    latex = block or inline or dollars
    source = f"<code>{escape(printable(found[0]))}</code>"
    if len(latex) > LONGEST_FORMULA:
        return source
    try:
        return _written(_parsed(latex, is_block=inline is None), 0)
    except Exception:  # noqa: BLE001 (model output: the parser raises IndexError, KeyError, RecursionError and others)
        return source


def _parsed(latex: str, *, is_block: bool) -> "Element":
    from latex2mathml.converter import convert_to_element

    return convert_to_element(latex, display="block" if is_block else "inline")


def _written(element: "Element", depth: int) -> str:
    if element.tag not in _ELEMENTS or depth > DEEPEST:
        raise ValueError("not a formula")
    attributes = "".join(
        f' {name}="{escape(value)}"'
        for name, value in element.attrib.items()
        if name in _ATTRIBUTES and _VALUE.fullmatch(value)
    )
    inner = "".join(_written(child, depth + 1) + _text(child.tail) for child in element)
    return f"<{element.tag}{attributes}>{_text(element.text)}{inner}</{element.tag}>"


def _text(text: str | None) -> str:
    return escape(printable(unescape(text or "")))
