"""The screen as a picture: an SVG that asks nobody for anything."""

from __future__ import annotations

import re
from typing import Any

from textual.app import App

#: Fonts that would be fetched from elsewhere: any of the reader's own will do.
_FETCHED = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
_REMARK = re.compile(r"<!--.*?-->\s*", re.DOTALL)
#: What a reader's machine has instead.
_FONT = re.compile(r"font-family: Fira Code, monospace;")


def render_picture(app: App[Any]) -> str:
    """What stands on the screen now."""
    drawn = _REMARK.sub("", _FETCHED.sub("", app.export_screenshot(simplify=True)))
    return _FONT.sub("font-family: ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace;", drawn)
