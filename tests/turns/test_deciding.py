"""Whose turn it is, by books and scenes alone: examples, and any order of events."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.core.hours import Hours
from keepwell.core.job import ProcessId
from keepwell.turns.deciding import (
    CLEAR_SECONDS,
    GONE_SECONDS,
    HEARD_SECONDS,
    MOST_TURNS,
    ask,
    clear,
    decide,
    find_closed,
    find_place,
    find_wanted,
    leave,
)
from keepwell.turns.words import Book, Device, Rules, Scene, Stage, Window, Wish, overlap

GIB = 1024**3
DEVICE = Device(name="box/0", memory_bytes=24 * GIB, replicas=("box/a",))
OTHER = Device(name="box/1", memory_bytes=16 * GIB)
NODE = Device(name="box", replicas=("box/a",))
NIGHT = Window(device="box/0", holders=("night*",), hours=Hours("22:00", "06:00"), unload=("*",), grace_seconds=60.0)
PART = replace(NIGHT, memory_bytes=16 * GIB, unload=(), holders=("part",))


@dataclass
class World:
    """A book, what is around it, and a time that goes on when told."""

    scene: Scene = field(default_factory=lambda: Scene(rules=Rules(devices=(DEVICE, OTHER, NODE))))
    book: Book = field(default_factory=Book)
    now: float = 1000.0

    def around(self, **changes: object) -> None:
        """Another scene, and what follows of it."""
        self.scene = replace(self.scene, **changes)  # type: ignore[arg-type]
        self.decide()

    def decide(self, seconds: float = 0.0) -> None:
        """After so many seconds."""
        self.now += seconds
        self.book = decide(self.book, self.scene, self.now)

    def live(self, seconds: float) -> None:
        """Time goes on, and everybody asks again every few seconds."""
        end = self.now + seconds
        while self.now < end:
            self.now = min(end, self.now + 5)
            for one in self.book.turns:
                self.book = ask(self.book, one.wish, self.now)
            self.decide()

    def wish(self, name: str, memory: int = 0, device: str = "box/0", process: ProcessId | None = None) -> Stage:
        """Ask, or ask again; the stage that it has then."""
        wish = Wish(id=name, holder=name, device=device, memory_bytes=memory, process=process)
        self.book = ask(self.book, wish, self.now)
        self.decide()
        return self.stage(name)

    def stage(self, name: str) -> Stage:
        """Where it is now."""
        return find_place(self.book, name, self.now).stage

    def why(self, name: str) -> str:
        """What it is told."""
        return find_place(self.book, name, self.now).describe()

    def leave(self, name: str) -> None:
        """It gives it back."""
        self.book = leave(self.book, name)
        self.decide()


def windows(*those: Window) -> Rules:
    return Rules(devices=(DEVICE, OTHER, NODE), windows=those)


def test_all_of_it_is_one_s_alone_and_the_others_come_in_their_order() -> None:
    world = World()
    assert [world.wish(one) for one in ("a", "b", "c")] == ["held", "waiting", "waiting"]
    assert world.why("c") == "waiting for device time, 2 before it: a has it"
    world.leave("a")
    assert [world.stage(one) for one in ("b", "c")] == ["held", "waiting"]
    world.leave("b")
    assert world.stage("c") == "held"
    assert find_closed(world.book) == {"box/0": "c has box/0"}


def test_parts_add_up_to_no_more_than_there_is_and_nobody_overtakes() -> None:
    world = World()
    assert [world.wish(name, gib * GIB) for name, gib in (("a", 16), ("b", 16), ("c", 4))] == [
        "held",
        "waiting",
        "waiting",
    ]
    assert "8 GiB of its memory are left" in world.why("b")
    assert find_closed(world.book) == {}
    world.leave("a")
    assert (world.stage("b"), world.stage("c")) == ("held", "held")


def test_a_node_is_all_of_its_devices() -> None:
    world = World()
    assert world.wish("a", device="box/1") == "held"
    assert world.wish("all", device="box") == "waiting"
    assert world.wish("b", device="box/0") == "waiting", "nobody overtakes"
    world.leave("a")
    assert world.stage("all") == "held"


@pytest.mark.parametrize(
    ("device", "memory", "said"),
    [
        ("box/7", 0, "no device 'box/7' is known; known: box, box/0, box/1"),
        ("box/0", 30 * GIB, "box/0 has 24 GiB"),
        ("box", GIB, "how much memory box has is not known"),
    ],
)
def test_what_can_never_be_is_refused(device: str, memory: int, said: str) -> None:
    world = World()
    assert world.wish("a", memory, device) == "refused"
    assert said in world.book.turns[0].why
    assert world.wish("b") == "held"


def test_who_waits_for_an_answer_goes_first() -> None:
    world = World()
    world.around(pressed=frozenset({"box/0"}), busy=frozenset({"box/0"}))
    assert world.wish("a") == "waiting"
    assert world.why("a") == "waiting for device time: requests are served there"
    world.around(pressed=frozenset(), busy=frozenset({"box/0"}))  # a batch works there
    assert world.stage("a") == "clearing"
    assert find_closed(world.book)
    world.around(pressed=frozenset({"box/0"}))
    assert world.stage("a") == "waiting"
    assert not find_closed(world.book)
    world.around(pressed=frozenset(), busy=frozenset())
    assert world.stage("a") == "held"
    world.around(pressed=frozenset({"box/0"}))
    assert world.stage("a") == "held", "a turn is not taken away"


def test_models_leave_first_and_what_does_not_work_is_told() -> None:
    world = World()
    world.around(rules=Rules(devices=(replace(DEVICE, unloads=True),)))
    assert world.wish("a") == "clearing"
    world.decide(5)
    world.book = clear(world.book, "a", "m stays in memory: no")
    assert world.wish("a") == "held"
    assert find_place(world.book, "a", world.now).describe() == "m stays in memory: no"
    world.leave("a")
    assert world.wish("b") == "clearing"
    for _ in range(10):
        world.decide(CLEAR_SECONDS / 9)
        world.wish("b")
    assert world.stage("b") == "held", "nobody unloads: it does not wait for ever"
    world.leave("b")
    world.around(clean=frozenset({"box/0"}))
    assert world.wish("c") == "held", "nothing was loaded since"


def test_a_part_waits_for_models_and_takes_what_is_beside_them() -> None:
    world = World()
    world.around(rules=Rules(devices=(replace(DEVICE, models_bytes=10 * GIB, unloads=True),)))
    assert world.wish("small", 8 * GIB) == "held"
    assert world.wish("large", 12 * GIB) == "waiting"
    assert "models have 10 GiB of its memory" in world.why("large")
    world.around(rules=Rules(devices=(DEVICE,)))
    assert world.stage("large") == "held"


def test_hours_are_for_those_who_are_named() -> None:
    world = World()
    world.around(rules=windows(NIGHT))
    assert world.wish("night-1") == "early"
    assert world.why("night-1") == "waiting for device time: its time begins at 22:00"
    assert world.wish("day") == "held"
    assert find_wanted(world.book) == {"box/0"}
    world.around(open=frozenset({0}))
    assert world.stage("night-1") == "waiting"
    assert not find_place(world.book, "day", world.now).over
    world.live(61)
    assert [world.wish(one) for one in ("day", "night-1")] == ["held", "waiting"]
    assert find_place(world.book, "day", world.now).over, "its time is over after the grace"
    world.leave("day")
    assert world.wish("night-1") == "held"
    assert world.wish("day") == "early"
    assert "until 06:00 it is for night*" in world.why("day")
    assert world.wish("night-2") == "waiting"


def test_in_its_hours_a_job_does_not_give_way() -> None:
    world = World()
    world.around(rules=windows(NIGHT), open=frozenset({0}), pressed=frozenset({"box/0"}), busy=frozenset({"box/0"}))
    assert world.wish("night-1") == "clearing"
    assert find_closed(world.book), "no new request there"
    world.around(busy=frozenset())
    assert world.stage("night-1") == "held"


@pytest.mark.parametrize(("over", "ends"), [("stop", True), ("go-on", False)])
def test_the_end_of_the_hours(over: str, ends: bool) -> None:
    world = World()
    world.around(rules=windows(replace(NIGHT, over=over)), open=frozenset({0}))
    assert world.wish("night-1") == "held"
    world.around(open=frozenset())
    assert not find_place(world.book, "night-1", world.now).over
    world.live(30)
    world.around(open=frozenset({0}))  # the clock was put back, or was wrong for a moment
    world.live(100)
    world.around(open=frozenset())
    world.wish("night-1")
    assert not find_place(world.book, "night-1", world.now).over
    world.live(61)
    assert find_place(world.book, "night-1", world.now).over is ends
    assert world.stage("night-1") == "held", "it has it until it gives it back"
    world.leave("night-1")
    assert world.wish("night-1") == "early"


def test_hours_of_a_part_of_the_memory() -> None:
    world = World()
    world.around(rules=windows(PART), open=frozenset({0}))
    assert world.wish("part") == "refused", "it may not have all of it"
    world.leave("part")
    assert world.wish("other", 12 * GIB) == "waiting", "16 of 24 GiB are kept for those hours"
    assert world.wish("third", 4 * GIB) == "waiting", "nobody overtakes"
    assert world.wish("part", 12 * GIB) == "held"
    world.leave("other")
    assert world.stage("third") == "held"
    assert world.wish("all") == "early"


def test_one_that_is_not_heard_of_is_lost_unless_its_program_lives() -> None:
    world, living = World(), ProcessId(1, 2, "boot")
    assert world.wish("a", process=living) == "held"
    world.wish("b")
    world.decide(HEARD_SECONDS + 1)
    assert world.book.find("b") is None
    assert world.stage("a") == "held"
    assert world.wish("a", process=living) == "held"
    world.around(gone=frozenset({"a"}))
    world.decide(GONE_SECONDS - 1)
    assert world.stage("a") == "held", "another process may have been told to go on with it"
    world.decide(1)
    assert world.book.turns == ()
    assert world.wish("c") == "held"
    world.decide(HEARD_SECONDS + 1)
    assert world.book.turns == (), "of one without a process nothing else is known"


def test_a_program_that_runs_is_adopted() -> None:
    world = World()
    wish = Wish(id="a", holder="a", device="box/0")
    world.book = ask(world.book, wish, world.now, adopts=True)
    world.around(pressed=frozenset({"box/0"}))
    assert world.stage("a") == "held"
    world.book = ask(world.book, replace(wish, id="b"), world.now, adopts=True)
    world.decide()
    assert world.stage("b") == "waiting"


def test_a_book_is_bounded() -> None:
    world = World()
    for number in range(MOST_TURNS + 3):
        world.wish(f"w{number}")
    assert len(world.book.turns) == MOST_TURNS
    assert world.stage(f"w{MOST_TURNS + 2}") == "refused"


NAMES = st.sampled_from(["a", "b", "c", "night-1", "night-2", "part"])
EVENTS = st.one_of(
    st.tuples(
        st.just("wish"),
        NAMES,
        st.sampled_from(["box/0", "box/0", "box/1", "box"]),
        st.sampled_from([0, 0, 2, 8, 12, 20, 40]),
    ),
    st.tuples(st.just("leave"), NAMES),
    st.tuples(st.just("clear"), NAMES),
    st.tuples(st.just("time"), st.sampled_from([0.3, 5.0, 30.0, 100.0])),
    st.tuples(st.just("open"), st.sets(st.sampled_from([0, 1]))),
    st.tuples(st.just("pressed"), st.booleans(), st.booleans()),
    st.tuples(st.just("models"), st.sampled_from([0, 6, 20]), st.booleans()),
)


def happen(world: World, event: tuple[object, ...]) -> None:
    """One event."""
    match event:
        case ("wish", str(name), str(device), int(gib)):
            known = world.book.find(name)
            if known is None or (known.wish.device, known.wish.memory_bytes) == (device, gib * GIB):
                world.wish(name, gib * GIB, device)
        case ("leave", str(name)):
            world.leave(name)
        case ("clear", str(name)):
            world.book = clear(world.book, name)
            world.decide()
        case ("time", float(seconds)):
            world.decide(seconds)
        case ("open", set(those)):
            world.around(open=frozenset(those))
        case ("pressed", bool(pressed), bool(busy)):
            world.around(
                pressed=frozenset({"box/0", "box"} if pressed else ()), busy=frozenset({"box/0", "box"} if busy else ())
            )
        case ("models", int(gib), bool(unloads)):
            first = replace(DEVICE, models_bytes=gib * GIB, unloads=unloads)
            world.around(rules=replace(world.scene.rules, devices=(first, OTHER, NODE)))


def check(world: World) -> None:
    """What must be true of every book."""
    taken = [one for one in world.book.turns if one.stage in ("held", "clearing")]
    for one in taken:
        others = [two for two in taken if two is not one and overlap(one.wish.device, two.wish.device)]
        assert not (one.exclusive and others), "all of a device is one's alone"
    for device in (DEVICE, OTHER):
        assert sum(one.wish.memory_bytes for one in taken if one.wish.device == device.name) <= device.memory_bytes
    assert len({one.number for one in world.book.turns}) == len(world.book.turns)
    assert set(find_closed(world.book)) <= find_wanted(world.book)


@settings(max_examples=300, deadline=None)
@given(st.lists(EVENTS, max_size=40))
def test_whatever_happens_nobody_has_what_another_one_has(events: list[tuple[object, ...]]) -> None:
    world = World()
    world.around(rules=windows(NIGHT, PART))
    for event in events:
        before = world.book
        happen(world, event)
        check(world)
        held = [one.wish.id for one in before.turns if one.stage == "held"]
        if event[0] not in ("leave", "time"):
            assert all(world.stage(one) == "held" for one in held), "a turn is not taken away"
        assert decide(world.book, world.scene, world.now) == world.book, "asked again it says the same"


@settings(max_examples=200, deadline=None)
@given(st.lists(EVENTS, max_size=30))
def test_nobody_waits_for_ever(events: list[tuple[object, ...]]) -> None:
    """Once nobody else is served and whoever has it gives it back, all that wait have had their turn."""
    world = World()
    world.around(rules=windows(NIGHT, PART))
    for event in events:
        happen(world, event)
    world.around(pressed=frozenset(), busy=frozenset(), open=frozenset(), rules=windows())
    waiting = {one.wish.id for one in world.book.turns if one.stage != "refused"}
    had: set[str] = set()
    for _ in range(len(waiting) + 1):
        for one in [one for one in world.book.turns if one.stage == "held"]:
            had.add(one.wish.id)
            world.leave(one.wish.id)
    assert had == waiting
