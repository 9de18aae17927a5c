"""The tiny model: its words, its bounds, and its file."""

from __future__ import annotations

from pathlib import Path

import pytest

from keepwell.testing import tiny_model
from keepwell.testing.tiny_model import TinyModel, write_tiny_model


def test_what_it_says() -> None:
    shape = TinyModel(tag="alpha", words=3)
    assert shape.answer() == " alpha 0001 0002 0003"
    assert shape.answer(2) == " alpha 0001"
    assert TinyModel(tag="alpha", words=2, loop=True).answer(6) == " alpha 0001 0002 0001 0002 0001"


@pytest.mark.parametrize(
    "bad",
    [
        {"words": 0},
        {"words": 10_000},
        {"width": 100},
        {"heads": 3},
        {"key_heads": 3},
        {"tag": ""},
        {"tag": "two words"},
    ],
)
def test_shapes_that_cannot_be(bad: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"must be|tag is"):
        TinyModel(**bad)  # type: ignore[arg-type]


def test_the_file_is_the_same_each_time(tmp_path: Path) -> None:
    pytest.importorskip("gguf")
    shape = TinyModel(words=8, width=64, feed=64)
    first, second = (write_tiny_model(tmp_path / name, shape) for name in ("a.gguf", "b.gguf"))
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes().startswith(b"GGUF")


def test_from_the_command_line(tmp_path: Path) -> None:
    pytest.importorskip("gguf")
    path = tmp_path / "c.gguf"
    assert (
        tiny_model.main([str(path), "--tag", "charlie", "--words", "4", "--width", "64", "--feed", "64", "--half"]) == 0
    )
    assert b"charlie" in path.read_bytes()
