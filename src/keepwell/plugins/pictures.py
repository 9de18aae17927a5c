"""What a picture in base64 is, and pictures written as `data:` addresses."""

from __future__ import annotations

import re

from keepwell.plugins.asked import Image

#: First characters of base64 by media type: the magic numbers of PNG, JPEG, GIF, WebP (RIFF) and BMP.
_BEGINNINGS = {
    "iVBORw0KGgo": "image/png",
    "/9j/": "image/jpeg",
    "R0lGOD": "image/gif",
    "UklGR": "image/webp",
    "Qk": "image/bmp",
}
_DATA_ADDRESS = re.compile(r"data:([^;,]*)(?:;[^;,]*)*;base64,", re.IGNORECASE)
#: What a picture is taken for whose beginning says nothing.
UNTOLD = "image/png"


def parse_picture(text: str) -> Image:
    """A picture by what stands for it: `data:image/png;base64,...`, another address, or bare base64."""
    found = _DATA_ADDRESS.match(text[:200])
    if found is not None:
        return Image(data=text[found.end() :], media_type=found[1].lower())
    if text[:8].lower().startswith(("http://", "https://")):
        return Image(url=text)
    return Image(data=text)


def find_media_type(image: Image) -> str:
    """The media type that was told, else what its first bytes say."""
    if image.media_type:
        return image.media_type
    return next((kind for start, kind in _BEGINNINGS.items() if image.data.startswith(start)), UNTOLD)


def parse_address(url: str) -> Image:
    """The picture of an address; one that holds its bytes in base64 becomes these bytes."""
    found = _DATA_ADDRESS.match(url[:200])
    if found is None:
        return Image(url=url)
    return Image(data=url[found.end() :], media_type=found[1].lower())


def render_address(image: Image) -> str:
    """Its address, one that holds the bytes where they are all there is."""
    if image.url:
        return image.url
    return f"data:{find_media_type(image)};base64,{image.data}"
