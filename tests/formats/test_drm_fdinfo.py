"""Descriptors of GPUs as three drivers show them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.formats.drm_fdinfo import Client, parse_client

AMDGPU = """\
pos:\t0
flags:\t02100002
drm-driver:\tamdgpu
drm-client-id:\t42
drm-pdev:\t0000:0c:00.0
drm-memory-vram:\t2048 KiB
drm-memory-gtt: \t1 MiB
drm-memory-cpu: \t512 KiB
drm-engine-gfx:\t1500000000 ns
drm-engine-capacity-dec:\t2
"""
XE = """\
drm-driver:\txe
drm-client-id:\t7
drm-pdev:\t0000:03:00.0
drm-total-vram0:\t10 MiB
drm-resident-vram0:\t8 MiB
drm-resident-system:\t0
drm-cycles-rcs:\t28257900
drm-total-cycles-rcs:\t7655183225
drm-engine-capacity-bcs:\t8
"""


def test_old_and_new_keys() -> None:
    assert parse_client(AMDGPU) == Client(
        "0000:0c:00.0", "42", own_bytes=2 * 1024**2, shared_bytes=3 * 512 * 1024, seconds={"gfx": 1.5}
    )
    found = parse_client(XE)
    assert found is not None
    assert (found.own_bytes, found.shared_bytes) == (8 * 1024**2, 0)
    assert found.cycles == {"rcs": (28257900, 7655183225)}


@pytest.mark.parametrize("text", ["", "pos: 0\nflags: 2\n", "drm-driver: x\n", "drm-client-id: 7\n", "drm-pdev: a\n"])
def test_what_is_no_client(text: str) -> None:
    assert parse_client(text) is None


@settings(max_examples=60)
@given(st.text(alphabet="drm-pevclintgyo:0 7KMiB\n\t", max_size=300))
def test_any_text_is_a_client_or_none(text: str) -> None:
    parse_client(f"drm-pdev: a\ndrm-client-id: 1\n{text}")
    parse_client(text)
