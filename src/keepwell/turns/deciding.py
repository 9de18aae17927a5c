"""Whose turn it is: a book, the scene around it and a time in, the next book out. Pure.

- All of a device is one's alone; parts of its memory never add up to more than there is.
- Who is named in a window has it in those hours only, and then first: requests end or go elsewhere. Everybody else has
  it whenever no window of others is, and nobody is served there who waits for the answer: they give way.
- In the order of coming, and nobody overtakes: the next one waits although there would be room for a smaller one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from keepwell.core.words import size
from keepwell.turns.words import TAKEN, Book, Place, Scene, Turn, Window, Wish, index_devices, overlap

#: Seconds without a word after which a wish is struck out: of one whose process is gone, and of any other. One that has
#: it and whose process lives keeps it: what it has of the device's memory, it has still.
GONE_SECONDS, HEARD_SECONDS = 5.0, 20.0
#: Seconds for models to leave memory. Then it is had as it is: whoever unloads is away, or the engine does not answer.
CLEAR_SECONDS = 90.0
#: Turns in a book: a folder of scripts that all want the same device.
MOST_TURNS = 256
EVERYTHING = ("*",)
#: Clauses that are told.
NOT_CLEARED = "nobody unloaded the models there"
ENDING, LEAVING = "requests there end first", "models leave memory"
SERVED = "requests are served there"
FULL = f"{MOST_TURNS} wait for device time already"


def ask(book: Book, wish: Wish, now: float, *, adopts: bool = False) -> Book:
    """The wish is new, or is heard of again. `adopts`: who asks had it before and its program runs, so it has it."""
    known = book.find(wish.id)
    if known is not None:
        fresh = replace(known, wish=replace(known.wish, process=wish.process), heard=now)
        return replace(book, turns=tuple({True: fresh, False: one}[one is known] for one in book.turns))
    made = Turn(wish=wish, number=book.next_number, heard=now, since=now)
    if len(book.turns) >= MOST_TURNS:
        made = replace(made, stage="refused", why=FULL)
        return replace(book, turns=(*book.turns[:-1], made))
    others = (one for one in book.turns if one.stage in TAKEN and overlap(one.wish.device, wish.device))
    if adopts and not any(one.exclusive or made.exclusive for one in others):
        made = replace(made, stage="held", cleared=True)
    return Book(turns=(*book.turns, made), next_number=book.next_number + 1)


def leave(book: Book, wish: str) -> Book:
    """It is given back, or not wanted any more."""
    return replace(book, turns=tuple(one for one in book.turns if one.wish.id != wish))


def clear(book: Book, wish: str, note: str = "") -> Book:
    """The models have left memory for it; `note` tells which could not."""
    return replace(book, turns=tuple(_clear(one, wish, note) for one in book.turns))


def decide(book: Book, scene: Scene, now: float) -> Book:
    """The book as it is from now on; to be asked whenever something happened, and every second."""
    living = [_date(one, scene, now) for one in book.turns if not _is_lost(one, scene, now)]
    placed: list[Turn] = []
    for one in sorted(living, key=_rank):
        placed.append(_place(one, placed, scene, now))
    return replace(book, turns=tuple(sorted(placed, key=_number)))


def find_place(book: Book, wish: str, now: float) -> Place:
    """What who asks is told; "waiting" for a wish that is not in the book."""
    turn = book.find(wish)
    if turn is None:
        return Place(stage="waiting")
    mine = _rank(turn)
    before = sum(
        overlap(one.wish.device, turn.wish.device) and one.stage not in ("early", "refused") and _rank(one) < mine
        for one in book.turns
    )
    why = "; ".join(one for one in (turn.why, turn.note) if one)
    return Place(stage=turn.stage, before=before * (turn.stage != "held"), why=why, over=is_over(turn, now))


def is_over(turn: Turn, now: float) -> bool:
    """True once it is to end: its hours are over, and what it was given beyond them."""
    late = bool(turn.over_since) and now - turn.over_since >= turn.grace_seconds
    return turn.stage == "held" and turn.over == "stop" and late


def find_closed(book: Book) -> dict[str, str]:
    """Devices that serve no request from now on, with a clause that says why."""
    closed = {}
    for one in book.turns:
        if one.stage == "clearing" or (one.stage == "held" and one.exclusive):
            closed[one.wish.device] = f"{one.wish.holder} has {one.wish.device}"
    return closed


def find_wanted(book: Book) -> frozenset[str]:
    """Devices to which no model comes back yet: somebody has them, or is next in the line."""
    return frozenset(one.wish.device for one in book.turns if one.stage in (*TAKEN, "waiting"))


def _clear(one: Turn, wish: str, note: str) -> Turn:
    if one.wish.id != wish or one.stage != "clearing":
        return one
    return replace(one, cleared=True, note=note)


def _is_lost(one: Turn, scene: Scene, now: float) -> bool:
    silent = now - one.heard
    if one.wish.process is not None and one.wish.id in scene.gone:
        return silent >= GONE_SECONDS
    return silent >= HEARD_SECONDS and (one.stage != "held" or one.wish.process is None)


def _date(one: Turn, scene: Scene, now: float) -> Turn:
    """With whether its hours are now, and since when they are over, for one that has it."""
    own = _named(one.wish, scene)
    current = next((window for number, window in own if number in scene.open), None)
    if current is not None:
        terms = replace(one, in_window=True, over_since=0.0, over=current.over, grace_seconds=current.grace_seconds)
        return replace(terms, unload=current.unload)
    if one.stage != "held":
        return replace(one, in_window=False, over_since=0.0, unload=EVERYTHING[: one.exclusive])
    evicting = _find_other(one.wish, scene)
    if evicting is not None and not one.in_window:
        one = replace(one, over="stop", grace_seconds=evicting.grace_seconds)
    if evicting is None and not own:
        return replace(one, over_since=0.0)
    return replace(one, over_since=one.over_since or now)


def _place(one: Turn, before: Sequence[Turn], scene: Scene, now: float) -> Turn:
    """Where it is now, those that go before it being placed already."""
    if one.stage == "held":
        return one
    refusal = _refuse(one, scene)
    if one.stage == "refused" or refusal:
        return replace(one, stage="refused", why=refusal or one.why)
    early = _too_early(one, scene)
    if early:
        return _back(one, "early", early, now)
    why = _why_not(one, before, scene)
    if why:
        return _back(one, "waiting", why, now)
    return _clear_for(one, before, scene, now)


def _back(one: Turn, stage: str, why: str, now: float) -> Turn:
    since = {True: one.since, False: now}[one.stage == stage]
    if stage == "early":
        return replace(one, stage="early", why=why, since=since, cleared=False, note="")
    return replace(one, stage="waiting", why=why, since=since, cleared=False, note="")


def _clear_for(one: Turn, before: Sequence[Turn], scene: Scene, now: float) -> Turn:
    """It is its turn: at once, or when requests have ended and models are gone."""
    device = index_devices(scene.rules)[one.wish.device]
    fits = not one.exclusive and _left(one, before, scene) - device.models_bytes >= one.wish.memory_bytes
    if one.stage != "clearing":
        one = replace(one, stage="clearing", since=now, cleared=device.name in scene.clean or not one.unload)
    if not fits and device.name in scene.busy:
        return replace(one, since=now, why=ENDING)
    if not fits and device.unloads and not one.cleared:
        if now - one.since < CLEAR_SECONDS:
            return replace(one, why=LEAVING)
        one = replace(one, note=NOT_CLEARED)
    return replace(one, stage="held", since=now, why="")


def _refuse(one: Turn, scene: Scene) -> str:
    """Why it can never have it; "" if it can."""
    devices = index_devices(scene.rules)
    device = devices.get(one.wish.device)
    if device is None:
        return f"no device {one.wish.device!r} is known; known: {', '.join(sorted(devices)) or 'none'}"
    if one.wish.memory_bytes and not device.memory_bytes:
        return f"how much memory {device.name} has is not known: write it into keepwell.toml, [[device]] memory"
    if one.wish.memory_bytes > device.memory_bytes:
        return f"{device.name} has {size(device.memory_bytes)}"
    own = [window for _, window in _named(one.wish, scene)]
    if own and not any(_gives(window, one.wish) for window in own):
        return f"its hours on {device.name} give it {size(max(window.memory_bytes for window in own))}"
    return ""


def _too_early(one: Turn, scene: Scene) -> str:
    """What it waits for before it is in the line."""
    own = _named(one.wish, scene)
    if not own:
        other = _find_other(one.wish, scene)
        if other is None:
            return ""
        return f"until {other.hours.end} it is for {', '.join(other.holders)}"
    if any(number in scene.open and _gives(window, one.wish) for number, window in own):
        return ""
    begins = sorted({window.hours.begin for _, window in own if _gives(window, one.wish)})
    return f"its time begins at {' or '.join(begins)}"


def _why_not(one: Turn, before: Sequence[Turn], scene: Scene) -> str:
    """Why it cannot have it yet although it is in the line; "" if it can."""
    for other in before:
        if other.stage in ("early", "refused") or not overlap(other.wish.device, one.wish.device):
            continue
        if other.stage in TAKEN and (one.exclusive or other.exclusive):
            return f"{other.wish.holder} has it"
        if other.stage == "waiting":
            return other.why
    if one.wish.memory_bytes > _left(one, before, scene):
        return f"{size(max(0, _left(one, before, scene)))} of its memory are left"
    device = index_devices(scene.rules)[one.wish.device]
    if one.wish.memory_bytes and not one.unload:
        beside = _left(one, before, scene) - device.models_bytes
        if beside < one.wish.memory_bytes:
            return f"models have {size(device.models_bytes)} of its memory"
    if not one.in_window and device.name in scene.pressed:
        return SERVED
    return ""


def _left(one: Turn, before: Iterable[Turn], scene: Scene) -> int:
    """Bytes of a device that nobody has and that are kept for nobody else."""
    device = index_devices(scene.rules)[one.wish.device]
    others = [other for other in before if other.stage in TAKEN and overlap(other.wish.device, device.name)]
    left = device.memory_bytes - sum(other.wish.memory_bytes for other in others)
    for number in scene.open:
        window = scene.rules.windows[number]
        if not overlap(window.device, device.name) or not window.memory_bytes:
            continue
        used = sum(other.wish.memory_bytes for other in others if _is_named(other.wish, window))
        if _is_named(one.wish, window):
            left = min(left, window.memory_bytes - used)
        else:
            left -= max(0, window.memory_bytes - used)
    return left


def _gives(window: Window, wish: Wish) -> bool:
    """True where these hours give as much as is wished."""
    return not window.memory_bytes or 0 < wish.memory_bytes <= window.memory_bytes


def _named(wish: Wish, scene: Scene) -> list[tuple[int, Window]]:
    """The windows that are for it, with their numbers."""
    return [(number, one) for number, one in enumerate(scene.rules.windows) if _is_named(wish, one)]


def _is_named(wish: Wish, window: Window) -> bool:
    fits = overlap(window.device, wish.device)
    return fits and any(fnmatchcase(wish.holder, one) for one in window.holders)


def _find_other(wish: Wish, scene: Scene) -> Window | None:
    """The window that is now and gives all of the device to others."""
    for number in sorted(scene.open):
        window = scene.rules.windows[number]
        mine = _is_named(wish, window)
        if not mine and overlap(window.device, wish.device) and (not window.memory_bytes or not wish.memory_bytes):
            return window
    return None


def _rank(one: Turn) -> tuple[bool, bool, int]:
    """Who has it, then who has hours now, then in the order of coming."""
    return one.stage != "held", not one.in_window, one.number


def _number(one: Turn) -> int:
    return one.number
