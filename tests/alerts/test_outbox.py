"""Letters go in order, are tried again, and nobody hears the end of what they never heard of."""

from __future__ import annotations

from dataclasses import replace

from keepwell.alerts.outbox import (
    GIVE_UP_SECONDS,
    PAUSES,
    WAITING,
    Outlet,
    find_next,
    make_notice,
    note_try,
    write_letters,
)
from keepwell.alerts.telling import Telling
from keepwell.core.finding import Status
from keepwell.store.alert_state import AlertFile, parse_alerts, render_alerts
from tests.alerts.steps import Days, bad

PHONE, MAIL = Outlet(name="phone"), Outlet(name="mail", least="critical")


def _tellings() -> tuple[Telling, Telling]:
    """An alert and its recovery."""
    days = Days()
    days.go(300, {"a": [bad("engine.running", "engine:a/x")]})
    days.go(300, {"a": []})
    (_, alert), (_, recovery) = days.told
    return alert, recovery


def test_each_outlet_gets_its_letters_in_order() -> None:
    alert, recovery = _tellings()
    file = write_letters(AlertFile(), [alert], [PHONE, MAIL], 100.0, None)
    file = write_letters(file, [recovery], [PHONE, MAIL], 200.0, None)
    assert [(one.outlet, one.recovery) for one in file.letters] == [
        ("phone", False),
        ("mail", False),
        ("phone", True),
        ("mail", True),
    ]
    first = find_next(file, "phone", 200.0)
    assert first is not None
    assert make_notice(first).severity == "critical"
    file = parse_alerts(render_alerts(note_try(file, first, "", 201.0)))
    second = find_next(file, "phone", 201.0)
    assert second is not None
    assert make_notice(second).severity == "resolved"
    assert make_notice(second).id == make_notice(first).id
    assert file.outlets["phone"].taken_at == 201.0


def test_a_later_letter_never_overtakes_one_that_waits() -> None:
    alert, recovery = _tellings()
    file = write_letters(AlertFile(), [alert, recovery], [PHONE], 100.0, None)
    first = find_next(file, "phone", 100.0)
    assert first is not None
    file = note_try(file, first, "503", 100.0)
    assert find_next(file, "phone", 100.0 + PAUSES[0] - 1) is None
    again = find_next(file, "phone", 100.0 + PAUSES[0])
    assert again is not None
    assert (again.number, again.tries, again.problem) == (first.number, 1, "503")
    assert file.outlets["phone"].failing_since == 100.0


def test_the_end_of_what_was_never_heard_is_not_told() -> None:
    alert, recovery = _tellings()
    file = write_letters(AlertFile(), [alert], [PHONE], 100.0, None)
    (letter,) = file.letters
    file = note_try(file, letter, "gone", 100.0 + GIVE_UP_SECONDS)
    assert not file.letters
    file = write_letters(file, [recovery], [PHONE], 100.0 + GIVE_UP_SECONDS, None)
    assert not file.letters


def test_more_letters_than_may_wait_lose_the_oldest() -> None:
    alert, _ = _tellings()
    file = AlertFile()
    for _ in range(WAITING + 20):
        file = write_letters(file, [alert], [PHONE], 100.0, None)
    assert [one.number for one in file.letters] == list(range(21, WAITING + 21))


def test_an_outlet_that_is_no_more_is_forgotten() -> None:
    alert, _ = _tellings()
    file = write_letters(AlertFile(), [alert], [PHONE, MAIL], 100.0, None)
    file = write_letters(file, [], [MAIL], 101.0, None)
    assert {one.outlet for one in file.letters} == {"mail"}


def test_a_warning_is_no_letter_for_who_wants_critical_ones() -> None:
    days = Days()
    (telling,) = days.go(900, {"a": [bad("disk.space", "mount:a//", Status.WARNING)]})
    file = write_letters(AlertFile(), [telling], [PHONE, MAIL], days.now, None)
    assert [one.outlet for one in file.letters] == ["phone"]
    assert replace(file.letters[0], number=5).number == 5
