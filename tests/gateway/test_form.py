"""Forms: the model is found and renamed, files stay as they are, and nothing that is written can break it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.gateway.wire.form import PARTS, find_parts, read_forms

BOUNDARY = b"----made-7MA4YWxk"
TYPE = b"multipart/form-data; boundary=" + BOUNDARY


def form(*parts: tuple[str, bytes], boundary: bytes = BOUNDARY) -> bytes:
    lines = []
    for name, content in parts:
        file = b'; filename="a.wav"\r\nContent-Type: audio/wav' * (name == "file")
        lines.append(
            b'--%b\r\nContent-Disposition: form-data; name="%b"%b\r\n\r\n%b\r\n'
            % (boundary, name.encode(), file, content)
        )
    return b"".join(lines) + b"--%b--\r\n" % boundary


def test_the_model_is_found_wherever_it_stands_and_renamed_in_place() -> None:
    reading = read_forms(TYPE)
    assert reading is not None
    body = form(("file", b"RIFF\x00\r\n--not the boundary\r\n\r\n"), ("model", b"whisper-1"), ("stream", b"true"))
    look = reading.peek(body)
    assert (look.model, look.stream) == ("whisper-1", True)
    assert reading.rename(body, "big/whisper") == body.replace(b"whisper-1", b"big/whisper")


def test_boundaries_are_read_as_clients_write_them() -> None:
    for written in (TYPE, b'Multipart/Form-Data; charset=utf-8; boundary="' + BOUNDARY + b'"'):
        reading = read_forms(written)
        assert reading is not None
        assert reading.peek(form(("model", b"m"))).model == "m"
    assert read_forms(b"application/json") is None
    assert read_forms(b"multipart/form-data") is None


def test_a_form_without_a_model_stays_as_it_is() -> None:
    reading = read_forms(TYPE)
    assert reading is not None
    body = form(("prompt", b"x"))
    assert reading.peek(body).model == ""
    assert reading.rename(body, "m") == body


def test_more_parts_than_anybody_needs_are_not_looked_at() -> None:
    body = form(*[(f"p{number}", b"") for number in range(PARTS + 5)])
    assert len(list(find_parts(BOUNDARY, body))) == PARTS


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["file", "prompt", "model"]), st.binary(max_size=60)), max_size=6))
def test_contents_come_back_as_they_were_written(parts: list[tuple[str, bytes]]) -> None:
    parts = [(name, content) for name, content in parts if b"\r\n--" + BOUNDARY not in content]
    body = form(*parts)
    found = [(one.name.decode(), body[one.begin : one.end]) for one in find_parts(BOUNDARY, body)]
    assert found == parts


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 200))
def test_what_is_no_form_breaks_nothing(data: bytes, cut: int) -> None:
    reading = read_forms(TYPE)
    assert reading is not None
    for body in (data, b"--" + BOUNDARY + data, form(("model", data), ("file", data))[:cut]):
        reading.peek(body)
        assert isinstance(reading.rename(body, "m"), bytes)
