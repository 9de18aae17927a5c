"""Which wire formats an engine's release speaks."""

from __future__ import annotations

import pytest

from keepwell.app.serving.engine_facts import Engines
from keepwell.core.observation import absent
from keepwell.core.ref import engine
from keepwell.plugins.place import Site
from keepwell.plugins.settings import is_since
from keepwell.testing.engine import FakeEngine
from keepwell.transport.local import LocalTransport


@pytest.mark.parametrize(("release", "spoken"), [("0.9.3", False), ("0.32.15", True)])
async def test_a_format_is_spoken_since_its_release(release: str, spoken: bool) -> None:
    async with FakeEngine("ollama", release=release) as fake:
        site = Site(ref=engine("box", "ollama"), engine="ollama", url=fake.url, process=absent("a fake"))
        transport = LocalTransport()
        try:
            (known,) = await Engines([site], transport).ask()
        finally:
            await transport.close()
    assert {"ollama", "openai"} <= known.replica.dialects
    assert ("anthropic" in known.replica.dialects) is spoken


@pytest.mark.parametrize(
    ("version", "since", "is_so"),
    [("0.14.0", "0.14.0", True), ("v0.14.1-rc2", "0.14.0", True), ("0.9.3", "0.14.0", False), ("", "0.14.0", False)],
)
def test_releases_are_compared_by_their_numbers(version: str, since: str, is_so: bool) -> None:
    assert is_since(version, since) is is_so
