"""Answers that are Markdown: plain, with a YAML front matter, or with pictures whose boxes stand in their links.

    ---
    primary_language: en
    is_rotation_valid: True
    rotation_correction: 0
    ---
    # A heading

`<img src="images/bbox_12_40_980_400.jpg" />` (OvisOCR2), `![image](x1,y1,x2,y2)` (LightOnOCR) and
`![what it shows](page_x_y_width_height.png)` (olmOCR) become blocks of pictures and leave no mark, as in every other
form.
"""

import re
from collections.abc import Iterator, Sequence

from ocrmill.pipeline.records import PICTURE, PageGeometry
from ocrmill.workers.engines.endpoint.forms.parts import MalformedOutputError, Parsed, Part, assemble, scaled_box

_PICTURE = re.compile(
    r'<img\s[^<>]{0,80}?src="[^"<>]{0,80}?bbox_(\d{1,5})_(\d{1,5})_(\d{1,5})_(\d{1,5})\.[a-z]{3,4}"[^<>]{0,80}>'
    r"|!\[[^\[\]\n]{0,80}\]\((\d{1,5}),(\d{1,5}),(\d{1,5}),(\d{1,5})\)"
    r"|!\[[^\[\]\n]{0,400}\]\(page_(\d{1,5})_(\d{1,5})_(\d{1,5})_(\d{1,5})\.png\)"
)
_WIDTH = 11  # the group of a width, where a link has no right edge
_FENCE = re.compile(r"\A\s*```[a-zA-Z]*[ \t]*\n(.*?)\n```\s*\Z", re.DOTALL)
_FRONT = re.compile(r"\A\s*---[ \t]*\n(.*?)(?:\n---[ \t]*(?:\n|\Z))", re.DOTALL)
_FIELD = re.compile(r"([a-z_]{1,40})[ \t]*:[ \t]*(.*)")
_FRONT_FIELDS = frozenset({"primary_language", "is_rotation_valid", "rotation_correction", "is_table", "is_diagram"})
_TURNS = ("0", "90", "180", "270")
_INLINE = re.compile(r"\\\((.{0,2000}?)\\\)", re.DOTALL)
_DISPLAY = re.compile(r"\\\[(.{0,5000}?)\\\]", re.DOTALL)


def read_markdown(text: str, geometry: PageGeometry, grid: int, drop_labels: Sequence[str] = ()) -> Parsed:
    """Read Markdown; boxes of pictures run to `grid`, or are pixels of the page as sent."""
    width, height = (grid, grid) if grid else (geometry.width_px, geometry.height_px)
    if not _PICTURE.search(text):
        return Parsed(text.strip())
    return assemble(list(_parts(text, width, height)), geometry, drop_labels)


def read_front_matter(text: str, geometry: PageGeometry, grid: int, *, is_cut_off: bool = False) -> Parsed:
    """Read Markdown below a front matter, which says if the page lies on its side.

    Raises:
        MalformedOutputError: the front matter is missing, or none of the fields is there.
    """
    front = _FRONT.match(text)
    if front is None:
        if is_cut_off:
            return read_markdown(text, geometry, grid)
        raise MalformedOutputError(f"no front matter, but {text[:60]!r}")
    fields = {match[1]: match[2].strip() for line in front[1].split("\n") if (match := _FIELD.match(line.strip()))}
    if not fields.keys() & _FRONT_FIELDS:
        raise MalformedOutputError(f"the front matter has none of its fields: {front[1][:60]!r}")
    parsed = read_markdown(text[front.end() :], geometry, grid)
    turn = fields.get("rotation_correction", "0")
    is_valid = fields.get("is_rotation_valid", "True").lower() != "false"
    return Parsed(parsed.markdown, parsed.blocks, 0 if is_valid or turn not in _TURNS else int(turn))


def without_fence(text: str) -> str:
    """Take off a code fence that closes around the whole answer."""
    fence = _FENCE.match(text)
    return fence[1] if fence and "\n```" not in fence[1] else text


def with_dollars(text: str) -> str:
    r"""Write the formulas between `\(` and `\)`, `\[` and `\]` with dollars."""
    text = _DISPLAY.sub(lambda found: f"$${found[1]}$$", text)
    return _INLINE.sub(lambda found: f"${found[1].strip()}$", text)


def _parts(text: str, width: float, height: float) -> Iterator[Part]:
    at = 0
    for found in _PICTURE.finditer(text):
        if text[at : found.start()].strip():
            yield Part("", text[at : found.start()])
        numbers = [float(number) for number in found.groups() if number is not None]
        if found[_WIDTH] is not None:  # left, top, width, height
            numbers[2:] = [numbers[0] + numbers[2], numbers[1] + numbers[3]]
        yield Part(PICTURE, "", scaled_box(numbers, width, height))
        at = found.end()
    if text[at:].strip():
        yield Part("", text[at:])
