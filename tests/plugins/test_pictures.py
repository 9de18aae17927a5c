"""Pictures by their address, and what they are by their first bytes."""

from __future__ import annotations

import base64

import pytest

from keepwell.plugins.asked import Image
from keepwell.plugins.pictures import find_media_type, parse_address, parse_picture, render_address


@pytest.mark.parametrize(
    ("text", "image"),
    [
        ("iVBORw0KGgo=", Image(data="iVBORw0KGgo=")),
        ("data:image/png;base64,AAAA", Image(data="AAAA", media_type="image/png")),
        ("DATA:Image/JPEG;charset=x;base64,AAAA", Image(data="AAAA", media_type="image/jpeg")),
        ("data:;base64,AAAA", Image(data="AAAA")),
        ("https://example.com/a.png", Image(url="https://example.com/a.png")),
        ("HTTP://example.com/a.png", Image(url="HTTP://example.com/a.png")),
    ],
)
def test_what_a_text_stands_for(text: str, image: Image) -> None:
    assert parse_picture(text) == image


@pytest.mark.parametrize(
    ("start", "media_type"),
    [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF0000WEBP", "image/webp"),
        (b"BM6000", "image/bmp"),
        (b"unknown", "image/png"),
    ],
)
def test_the_first_bytes_tell_the_media_type(start: bytes, media_type: str) -> None:
    image = Image(data=base64.b64encode(start + bytes(20)).decode())
    assert find_media_type(image) == media_type
    assert parse_address(render_address(image)) == Image(data=image.data, media_type=media_type)


def test_what_was_told_counts_more() -> None:
    assert find_media_type(Image(data="/9j/", media_type="image/tiff")) == "image/tiff"


def test_addresses_stay() -> None:
    image = Image(url="https://example.com/a.png")
    assert parse_address(render_address(image)) == image
