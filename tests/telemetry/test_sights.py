"""What every Sight must do alike: of held files, of fetched ones, and of made ones."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from keepwell.core.errors import AccessError, NotThere
from keepwell.plugins.collector import Sight
from keepwell.telemetry.fetched import Exchange, FetchedSight
from keepwell.telemetry.held import HeldSight
from keepwell.testing.made_sight import MadeSight
from keepwell.transport.far.gather import gather
from keepwell.transport.far.job import Job
from keepwell.transport.wire import BrokenFrame

T = TypeVar("T")
FILES = {"a": "twelve bytes", "folder/b": "b", "folder/c": ""}
LINKS = {"way": "folder/b"}


class Fetching:
    """Asks a fetched sight as often as it takes, with an exchange in between."""

    def __init__(self) -> None:
        self.exchange = Exchange()
        self.sight = FetchedSight(self.exchange)
        self.exchanges = 0

    def fetch(self) -> None:
        self.exchanges += 1
        self.exchange.fill(*gather(Job(1, "gather", dict(self.exchange.question([self.sight])), b"")))

    def __call__(self, ask: Callable[[Sight], T]) -> T:
        try:
            return ask(self.sight)
        except NotThere:
            if not self.sight.news:
                raise
        self.fetch()
        return ask(self.sight)


def directly(sight: Sight) -> Callable[[Callable[[Sight], object]], object]:
    def ask(question: Callable[[Sight], object]) -> object:
        return question(sight)

    return ask


@pytest.fixture(params=["held", "fetched", "made"])
def ask(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Callable[[Sight], object]], object]:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    for name, target in LINKS.items():
        (tmp_path / name).symlink_to(target)
    if request.param == "held":
        return directly(HeldSight())
    if request.param == "fetched":
        return Fetching()
    made = MadeSight(
        {f"{tmp_path}/{name}": text for name, text in FILES.items()},
        {f"{tmp_path}/{name}": target for name, target in LINKS.items()},
    )
    made.sizes[str(tmp_path)] = (10, 5)
    return directly(made)


def test_all_sights_see_the_same(ask: Callable[[Callable[[Sight], object]], object], tmp_path: Path) -> None:
    assert ask(lambda sight: sight.read(f"{tmp_path}/a")) == b"twelve bytes"
    assert ask(lambda sight: sight.read(f"{tmp_path}/folder/c")) == b""
    assert ask(lambda sight: sight.names(f"{tmp_path}/folder")) == ("b", "c")
    assert ask(lambda sight: sight.link(f"{tmp_path}/way")) == "folder/b"
    size = ask(lambda sight: sight.size(str(tmp_path)))
    assert isinstance(size, tuple)
    assert size[0] >= size[1] > 0
    for question in (
        lambda sight: sight.read(f"{tmp_path}/none"),
        lambda sight: sight.names(f"{tmp_path}/none"),
        lambda sight: sight.link(f"{tmp_path}/none"),
        lambda sight: sight.size(f"{tmp_path}/none"),
    ):
        with pytest.raises(NotThere):
            ask(question)


def test_a_limit_holds_everywhere(ask: Callable[[Callable[[Sight], object]], object], tmp_path: Path) -> None:
    assert ask(lambda sight: sight.read(f"{tmp_path}/a", max_bytes=6)) == b"twelve"


def test_a_folder_is_not_read(tmp_path: Path) -> None:
    for one in (directly(HeldSight()), Fetching()):
        with pytest.raises(AccessError):
            one(lambda sight: sight.read(str(tmp_path)))


def test_what_is_asked_for_together_is_one_exchange(tmp_path: Path) -> None:
    fetching = Fetching()
    paths = ["/proc/stat", "/proc/meminfo", f"/proc/{os.getpid()}/stat"]
    for path in paths:
        with pytest.raises(NotThere):
            fetching.sight.read(path)
    fetching.fetch()
    assert all(fetching.sight.read(path) for path in paths)
    assert fetching.exchanges == 1
    assert not fetching.sight.news


def test_what_is_read_seldom_stays_and_what_is_large_does_not(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(bytes(100_000))
    (tmp_path / "small").write_bytes(b"x")
    fetching = Fetching()
    assert fetching(lambda sight: sight.read(f"{tmp_path}/large"))
    assert fetching(lambda sight: sight.read(f"{tmp_path}/small"))
    for _ in range(10):
        fetching.fetch()
    assert fetching.sight.read(f"{tmp_path}/small") == b"x"
    with pytest.raises(NotThere):
        fetching.sight.read(f"{tmp_path}/large")
    for _ in range(100):
        fetching.fetch()
    with pytest.raises(NotThere):
        fetching.sight.read(f"{tmp_path}/gone")
    assert [path for path, _ in fetching.exchange.question([fetching.sight])["read"]] == [f"{tmp_path}/gone"]


def test_an_answer_to_something_else_is_a_broken_frame() -> None:
    exchange = Exchange()
    sight = FetchedSight(exchange)
    with pytest.raises(NotThere):
        sight.read("/proc/stat")
    exchange.question([sight])
    for answer in ({}, {"read": []}, {"read": [1, 2], "names": [], "link": [], "size": []}):
        with pytest.raises(BrokenFrame):
            exchange.fill(answer, b"")
