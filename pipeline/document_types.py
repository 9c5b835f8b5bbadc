"""The kinds of documents that are read: endings of their names, media types, and how their bytes begin."""

import struct
from collections.abc import Mapping

PDF_MARK = b"%PDF-"
HEAD_BYTES = 32  # of a document, which show its kind

DOCUMENT_ENDINGS = (
    *(".pdf", ".png", ".jpg", ".jpeg", ".jfif", ".tif", ".tiff", ".webp", ".bmp", ".gif"),
    *(".jp2", ".j2k", ".jpx", ".jpf", ".avif", ".heic", ".heif"),
)
MEDIA_TYPES = frozenset(
    {
        *("application/pdf", "application/x-pdf", "image/png", "image/tiff", "image/jpeg", "image/jpg", "image/pjpeg"),
        *("image/webp", "image/bmp", "image/x-ms-bmp", "image/gif", "image/jp2", "image/jpx", "image/jpm"),
        *("image/avif", "image/heic", "image/heif"),
    }
)
READABLE = "PDF, PNG, JPEG, TIFF, WebP, BMP, GIF, JPEG 2000, AVIF or HEIF"

# Names of the formats are Pillow's.
_BEGINNINGS: Mapping[bytes, str] = {
    b"\x89PNG": "PNG",
    b"\xff\xd8\xff": "JPEG",
    **dict.fromkeys((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), "TIFF"),  # with + it is a BigTIFF
    **dict.fromkeys((b"GIF87a", b"GIF89a"), "GIF"),
    **dict.fromkeys((b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"), "JPEG2000"),  # a file, a bare code stream
}
_BRANDS: Mapping[bytes, str] = {  # of files in ISO's media format, `ftyp`
    **dict.fromkeys((b"avif", b"avis"), "AVIF"),
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"), "HEIF"),
    **dict.fromkeys((b"mif1", b"msf1", b"mif2"), "HEIF"),
}
XFA_PLACEHOLDER = (
    "its only page stands in for an XFA form, which is not built here; print it to a PDF in Acrobat Reader"
)
_PLACEHOLDER_CHARACTERS = 200
_BMP_HEADERS = frozenset({12, 40, 52, 56, 64, 108, 124})  # bytes


def image_format(beginning: bytes) -> str | None:
    """Name of the image format that a file of this beginning has, or None; needs `HEAD_BYTES` bytes."""
    for magic, name in _BEGINNINGS.items():
        if beginning.startswith(magic):
            return name
    if beginning[:4] == b"RIFF" and beginning[8:12] == b"WEBP":
        return "WEBP"
    if beginning[4:8] == b"ftyp":
        # A HEIF file of the general brand `mif1` may hold AV1, and says so among its other brands.
        brands = [beginning[at : at + 4] for at in (8, *range(16, HEAD_BYTES, 4))]
        return min((_BRANDS[brand] for brand in brands if brand in _BRANDS), default=None)
    if beginning[:2] == b"BM" and len(beginning) >= 18:  # noqa: PLR2004 - two letters alone begin many a text
        reserved, _, header = struct.unpack_from("<III", beginning, 6)
        return "BMP" if not reserved and header in _BMP_HEADERS else None
    return None


def begins_like_document(beginning: bytes) -> bool:
    """True if a PDF or an image that we read begins like this."""
    return beginning.startswith(PDF_MARK) or image_format(beginning) is not None


def begins_like_archive(beginning: bytes) -> bool:
    """True if a zip, gzip, tar or WARC file begins like this; needs its first 262 bytes.

    A document that is stored in one without compression shows its own mark soon after that of the archive.
    """
    return beginning.startswith((b"PK\3\4", b"\x1f\x8b", b"WARC/")) or beginning[257:262] == b"ustar"


def says_please_wait(text: str) -> bool:
    """Tell if a page's text begins as Adobe's programs write on one that stands in for a form in XML (XFA)."""
    return "please wait" in text[:_PLACEHOLDER_CHARACTERS].lower()
