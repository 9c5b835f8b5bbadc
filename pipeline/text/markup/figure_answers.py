"""A model's answer to a figure: a chart as a table, a molecule as SMILES, geometry as a literal, or words.

The forms are those of the DeepSeek-OCR paper (arXiv 2510.18234, "deep parsing"): charts come as HTML
tables, chemical formulas as SMILES, plane geometry as a dictionary of lines and circles. An answer may be made up; what
can be checked without the figure is checked: a table's rows are equally wide, SMILES is written by its rules, a literal
can be parsed.
"""

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.util import find_spec

from ocrmill.pipeline.text.markup.html_tables import valid_tables
from ocrmill.pipeline.text.markup.ragged_tables import count_ragged_tables

_FENCED = re.compile(r"\s*(`{3,}|~{3,})[^\n]*\n(.*?)\n?\s*\1\s*", re.DOTALL)
_TOKENS = re.compile(r"<[|\uff5c][^<>|\uff5c]*[|\uff5c]>")
_PIPE_ROW = re.compile(r"^\s*\|.*\|\s*$", re.MULTILINE)
_GEOMETRY = frozenset({"Line", "Circle"})  # keys of the literal
# OpenSMILES: bracket atoms, the organic subset, bonds, branches, ring closures, dots.
_SMILES = re.compile(r"(?:\[[^\[\]\s]{1,40}\]|Br?|Cl?|[NOPSFIbcnops*]|[-=#$:/\\.()]|%\d\d|\d)+")
_SMILES_ATOM = re.compile(r"\[[^\[\]]+\]|Br?|Cl?|[NOPSFIbcnops*]")
_RING = re.compile(r"\[[^\]]*\]|%(\d\d)|(\d)")
_STRUCTURE = re.compile(r"[\[=#()\d]")  # of a molecule, which words do not have
_FEWEST_ATOMS, _FEWEST_IN_CHAIN = 2, 3


class AnswerKind(StrEnum):
    """The form of an answer."""

    TABLE = "table"
    SMILES = "smiles"
    GEOMETRY = "geometry"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class FigureAnswer:
    """An answer, cleaned up."""

    kind: AnswerKind
    text: str  # Markdown; SMILES and geometry as the model writes them
    is_valid: bool  # whether the checks of its kind pass; words have none


def read_answer(raw: str) -> FigureAnswer | None:
    """Tell what an answer is, and check it; None if it says nothing.

    Fences around the whole, special tokens and outer blanks go; tags that an HTML table lacks are added.
    """
    text = _TOKENS.sub("", raw).strip()
    fenced = _FENCED.fullmatch(text)
    text = (fenced[2] if fenced else text).strip()
    if not text:
        return None
    if text[:6].lower() == "<table":
        table = valid_tables(text)
        return FigureAnswer(AnswerKind.TABLE, table, not count_ragged_tables(table))
    if text.startswith("|") and len(_PIPE_ROW.findall(text)) == len(text.split("\n")):
        return FigureAnswer(AnswerKind.TABLE, text, not count_ragged_tables(text))
    if text.startswith("{"):
        return _geometry(text)
    if _looks_like_smiles(text):
        return FigureAnswer(AnswerKind.SMILES, text, _is_smiles(text))
    return FigureAnswer(AnswerKind.TEXT, text, is_valid=True)


def _looks_like_smiles(text: str) -> bool:
    """Tell SMILES from words and numbers: it has the marks of a structure, or is a chain of capitals, as `CCO`."""
    atoms = len(_SMILES_ATOM.findall(text)) if _SMILES.fullmatch(text) else 0
    return atoms >= _FEWEST_ATOMS if _STRUCTURE.search(text) else atoms >= _FEWEST_IN_CHAIN and text.isupper()


def _geometry(text: str) -> FigureAnswer:
    try:
        literal = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        named = any(f"'{key}'" in text or f'"{key}"' in text for key in _GEOMETRY)
        return FigureAnswer(AnswerKind.GEOMETRY if named else AnswerKind.TEXT, text, is_valid=not named)
    is_geometry = isinstance(literal, dict) and bool(_GEOMETRY & set(map(str, literal)))
    return FigureAnswer(AnswerKind.GEOMETRY if is_geometry else AnswerKind.TEXT, text, is_valid=True)


def _is_smiles(text: str) -> bool:
    """Ask RDKit where it is installed; else tell if brackets and ring closures are paired."""
    parse = _rdkit()
    if parse is not None:
        return parse(text) is not None
    depth = 0
    for character in text:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth < 0:
            return False
    rings = [two or one for two, one in _RING.findall(text) if two or one]
    return depth == 0 and all(rings.count(ring) % 2 == 0 for ring in rings)


@cache
def _rdkit() -> Callable[[str], object] | None:
    if find_spec("rdkit") is None:
        return None
    from rdkit import Chem, RDLogger

    RDLogger.DisableLog("rdApp.*")
    parse: Callable[[str], object] = Chem.MolFromSmiles
    return parse
