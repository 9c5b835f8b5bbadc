"""One page as displayed, alone in a document of its own, for readers that write into what they read.

PyMuPDF's `insert_pdf` leaves the source alone only if it copies neither form fields nor annotations: with fields it
empties the source's list of them, and the next copy has none. So what they look like is copied here, as stamps.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pymupdf

_DEFAULT_MEDIA = (0, 0, 612, 792)  # what MuPDF takes where a page names none


@contextmanager
def copy_of_page(document: "pymupdf.Document", page_index: int, turn: int) -> "Iterator[pymupdf.Document]":
    """A document that holds one page: no crop box, no rotation, then turned clockwise by `turn` degrees.

    Form fields and annotations are there as they look. Hidden layers are not hidden: compare its text with the page's.
    The source is not changed. Raises what PyMuPDF raises.
    """
    import pymupdf

    with pymupdf.open() as copy:
        copy.insert_pdf(document, from_page=page_index, to_page=page_index, links=False, annots=False, widgets=False)
        _copy_looks(document, page_index, copy)
        copy[0].set_mediabox(_shown(copy))  # removing the rotation would lose the crop box
        copy[0].remove_rotation()
        copy[0].set_rotation(turn)
        copy[0].remove_rotation()
        yield copy


def _shown(copy: "pymupdf.Document") -> "pymupdf.Rect":
    """Return the visible part of the first page, in PDF coordinates."""
    import pymupdf

    media = _box(copy, "MediaBox") or pymupdf.Rect(_DEFAULT_MEDIA)
    crop = _box(copy, "CropBox")
    return crop & media if crop else media


def _box(copy: "pymupdf.Document", key: str) -> "pymupdf.Rect | None":
    import pymupdf

    kind, value = copy.xref_get_key(copy.page_xref(0), key)
    return pymupdf.Rect(*map(float, value.strip("[]").split())).normalize() if kind == "array" else None


def _copy_looks(document: "pymupdf.Document", page_index: int, copy: "pymupdf.Document") -> None:
    """Put what the page's form fields and annotations look like onto the first page of the copy."""
    import pymupdf
    from pymupdf import mupdf

    unseen = {pymupdf.PDF_ANNOT_LINK, pymupdf.PDF_ANNOT_POPUP}
    seen = [xref for xref, kind, _ in document[page_index].annot_xrefs() if kind not in unseen]
    if not seen:
        return
    source, target = (mupdf.pdf_document_from_fz_document(side.this) for side in (document, copy))
    once = mupdf.pdf_new_graft_map(target)  # fonts that several share are copied once
    stamps = mupdf.pdf_lookup_page_obj(target, 0).pdf_dict_put_array(_name("Annots"), len(seen))
    for annotation in (mupdf.pdf_load_object(source, xref) for xref in seen):
        look = _look(annotation)
        if look is None:
            continue
        stamp = mupdf.pdf_new_dict(target, 5)
        stamp.pdf_dict_put(_name("Subtype"), _name("Stamp"))
        stamp.pdf_dict_put_dict(_name("AP"), 1).pdf_dict_put(_name("N"), mupdf.pdf_graft_mapped_object(once, look))
        for key in ("Rect", "F"):
            value = annotation.pdf_dict_get(_name(key))
            if not value.pdf_is_null():
                stamp.pdf_dict_put(_name(key), mupdf.pdf_graft_mapped_object(once, value))
        stamps.pdf_array_push(mupdf.pdf_add_object(target, stamp))


def _look(annotation: Any) -> Any:
    """The stream that draws it in its present state; None if nothing does."""
    look = annotation.pdf_dict_get(_name("AP")).pdf_dict_get(_name("N"))
    if not look.pdf_is_stream():
        look = look.pdf_dict_get(annotation.pdf_dict_get(_name("AS")))
    return look if look.pdf_is_stream() else None


def _name(name: str) -> Any:
    from pymupdf import mupdf

    return mupdf.pdf_new_name(name)
