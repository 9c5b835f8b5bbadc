"""Writes into the map to Unicode of a font, in an open document; its file is not changed."""

from collections.abc import Mapping

import pymupdf  # import pages/mupdf.py first: it keeps PyMuPDF from loading its layout model

_LONGEST_MAP = 100  # entries of a block in a map to Unicode, by its definition


def add_to_map(document: pymupdf.Document, xref: int, texts: Mapping[int, str], code_bytes: int) -> bool:
    """Write letters of codes into a font's ToUnicode; False if they cannot be its codes."""
    if max(texts) >= 1 << 8 * code_bytes:
        return False
    digits = 2 * code_bytes
    lines = [f"<{code:0{digits}X}> <{text.encode('utf-16-be').hex().upper()}>" for code, text in texts.items()]
    block = ""
    for start in range(0, len(lines), _LONGEST_MAP):
        part = lines[start : start + _LONGEST_MAP]
        block += f"{len(part)} beginbfchar\n" + "\n".join(part) + "\nendbfchar\n"
    kind, value = document.xref_get_key(xref, "ToUnicode")
    if kind == "xref":
        stream = int(value.split()[0])
        before, end, after = (document.xref_stream(stream) or b"").rpartition(b"endcmap")
        if end:
            document.update_stream(stream, before + block.encode() + end + after)
            return True
    full = f"<{0:0{digits}X}> <{(1 << 8 * code_bytes) - 1:X}>"
    stream = document.get_new_xref()
    document.update_object(stream, "<<>>")
    head = "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapType 2 def\n"
    program = f"{head}1 begincodespacerange\n{full}\nendcodespacerange\n{block}endcmap end end\n"
    document.update_stream(stream, program.encode(), new=True)
    document.xref_set_key(xref, "ToUnicode", f"{stream} 0 R")
    return True
