r"""The normal forms in which texts, formulas and tables are compared, by the rules of OmniDocBench.

text     letters, digits and `_` only, with case: `Fig. 1 (see $x^2$)` -> `Fig1seex2`
formula  LaTeX without blanks, styles, tags and environments, in lower case: `\mathbf{X} + 1` -> `{x}+1`
table    one HTML table of `<tr>` and `<td>` without style, NFKC
"""

import html
import logging
import re
import unicodedata
from functools import lru_cache

from bs4 import BeautifulSoup
from pylatexenc.latex2text import LatexNodes2Text

logging.getLogger("pylatexenc").setLevel(logging.CRITICAL)  # it warns of each formula that it cannot read
INLINE = re.compile(r"\$(.*?)\$|\\\((.*?)\\\)")
_ESCAPED = re.compile(r"\\([\\_&%^])")
# Their list of blanks: `/t` and `/n` are in it, and so `and/then` loses two letters.
_BLANKS = ("\\t", "\\n", "\t", "\n", "/t", "/n")
_NO_WORD = re.compile(r"[^\w\u4e00-\u9fff]")
_DISPLAYED = re.compile(r"\\\[(.+?)(?<!\\)\\\]")
_LAYOUT = re.compile(r"\\tag\{.*?\}|\\hspace\{.*?\}|\\begin\{.*?\}|\\end\{.*?\}|\\arraycolsep.*?\}")
# In their order: `\text` goes after `\textbf`, and `\left` also takes the head off `\leftarrow`.
_STYLES = (
    *(f"\\math{style}" for style in ("bf", "rm", "normal", "it", "bb", "cal", "scr", "frak", "sf", "tt")),
    *("\\textbf", "\\text", "\\boldmath", "\\boldsymbol", "\\operatorname", "\\bm", "\\symbfit", "\\mathbfcal"),
    *("\\symbf", "\\scriptscriptstyle", "\\notag", "\\setlength", "\\coloneqq", "\\space", "\\thickspace"),
    *("\\thinspace", "\\medspace", "\\nobreakspace", "\\negmedspace", "\\quad", "\\qquad", "\\enspace"),
    *("\\substackw", " ", "$$", "\\left", "\\right", "\\displaystyle"),
)
_TABLE = re.compile(r"<table\b[^>]*>(.*)</table>", re.DOTALL | re.IGNORECASE)
_LOOK = re.compile(r' (?:style|height|width|align|class)=".*?"')
_WRAPPERS = re.compile(r'</?(?:sup|sub|span|div|p)>|<spandata-span-identity="">|<colgroup>.*?</colgroup>')


def text_form(text: str) -> str:
    """Return the normal form of a text: formulas as Unicode, then letters and digits only."""
    return only_words(INLINE.sub(_unicode, text))


def only_words(text: str) -> str:
    """Take everything but letters, digits and `_` out of a text."""
    for blank in _BLANKS:
        text = text.replace(blank, "")
    return _NO_WORD.sub("", text)


def plain_latex(latex: str) -> str:
    """Return LaTeX as the Unicode text that it stands for; as it is where it cannot be read."""
    try:
        text: str = LatexNodes2Text().latex_to_text(latex)
    except Exception:  # noqa: BLE001 - the parser fails in many ways on what a model makes up
        return latex
    return text


def _unicode(found: re.Match[str]) -> str:
    """Write an inline formula as Unicode, if it has a command, an index or an exponent."""
    latex = _ESCAPED.sub("", found[1] if found[1] is not None else found[2])
    if not any(sign in latex for sign in "\\^_"):
        return found[0]
    latex += " " if latex.endswith("\\") else ""
    try:
        return str(LatexNodes2Text().latex_to_text(latex)).strip()
    except Exception:  # noqa: BLE001 - as above; the formula stays as it is
        return found[0]


def formula_form(latex: str) -> str:
    """Return the normal form of a formula."""
    latex = latex.strip().strip("$").strip("\n")
    if found := _DISPLAYED.search(latex):
        latex = found[1].strip()
    latex = _LAYOUT.sub("", latex).strip(".")
    for style in _STYLES:
        latex = latex.replace(style, "")
    return latex.lower()


@lru_cache(maxsize=256)
def table_form(text: str) -> str:
    """Return the normal form of an HTML table, or nothing if there is none."""
    if "<table" not in text.replace(" ", ""):
        return ""
    soup = BeautifulSoup(text, "html.parser")
    for header in soup.find_all("th"):
        header.name = "td"
    for wrapper in soup.find_all("thead"):
        wrapper.unwrap()
    for formula in soup.find_all("math"):
        formula.replace_with(f"${formula.get('alttext', '')}$")
    for wrapper in soup.find_all("span"):
        wrapper.unwrap()
    written = unicodedata.normalize("NFKC", html.unescape(str(soup)).replace("\n", "")).strip()
    inner = re.sub(r"</?tbody>", "", _LOOK.sub("", "".join(_TABLE.findall(written))))
    inner = re.sub(r"\s+", " ", inner)
    return _WRAPPERS.sub("", f'<html><body><table border="1" >{inner}</table></body></html>')
