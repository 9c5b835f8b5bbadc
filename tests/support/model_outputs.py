"""A page of the model, and the tokens that must not be left of its output."""

import re

from ocrmill.pipeline.records import PageGeometry

PAGE = PageGeometry(width_pt=612, height_pt=792, rotation=0, width_px=1224, height_px=1584, dpi=144)
TOKENS = re.compile(r"<\|(?:/?ref|/?det|grounding|User|Assistant|EOT)\|>|<image>|<｜[^<>｜\s]{1,40}｜>")
