"""Advice: the fix that fits the supervisor and the facts, with its blanks filled."""

from __future__ import annotations

import pytest

from keepwell.core.issue import Command, Fix
from keepwell.diagnose.advise import Setting, advise, choose_fix, fill

ANY = Fix(say="any", commands=(Command(argv=("chmod", "{mode}", "{path}"), root=True),))
UNIT = Fix(say="systemd", supervisor="systemd", commands=(Command(argv=("{restart_argv}",), root=True),))
BARE = Fix(say="process", supervisor="process", commands=(Command(argv=("{restart_argv}",)),))
SPECIAL = Fix(say="special {kind}", where={"kind": "cut"}, undo="put {path} back")


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        (Setting(), "any"),
        (Setting(supervisor="systemd"), "systemd"),
        (Setting(supervisor="process"), "process"),
        (Setting(supervisor="launchd"), "any"),
        (Setting(supervisor="systemd", facts={"kind": "cut"}), "special {kind}"),
        (Setting(facts={"kind": "other"}), "any"),
    ],
)
def test_the_fix_that_fits(setting: Setting, expected: str) -> None:
    fix = choose_fix((UNIT, BARE, SPECIAL, ANY), setting)
    assert fix is not None
    assert fix.say == expected


def test_none_fits() -> None:
    assert choose_fix((UNIT,), Setting(supervisor="container")) is None
    assert advise((), Setting()) is None


def test_blanks_are_filled_and_the_open_ones_named() -> None:
    found = advise((ANY,), Setting(facts={"mode": "0755"}))
    assert found is not None
    assert found.commands == (Command(argv=("chmod", "0755", "<path>"), root=True),)
    assert found.missing == ("path",)
    assert fill("{{.Go}} {print $1} {a}", {"a": "b"}) == "{{.Go}} {print $1} b"


def test_restart_under_each_supervisor() -> None:
    unit = advise((UNIT,), Setting(supervisor="systemd", facts={"unit": "a.service"}))
    assert unit is not None
    assert unit.commands == (Command(argv=("systemctl", "restart", "a.service"), root=True),)
    start = ("env", "A=b c", "/bin/serve", "{not a blank}")
    bare = advise((BARE,), Setting(supervisor="process", facts={"pid": "7"}, start=start))
    assert bare is not None
    assert bare.commands == (Command(argv=("kill", "7")), Command(argv=start, background=True))
    own = advise((UNIT,), Setting(supervisor="systemd", restart=("systemctl", "--user", "restart", "a")))
    assert own is not None
    assert own.commands[0].argv == ("systemctl", "--user", "restart", "a")
    assert own.missing == ()


def test_an_unknown_start_command_is_missing() -> None:
    found = advise((Fix(say="x", commands=(Command(argv=("{start_argv}",)),)),), Setting())
    assert found is not None
    assert found.commands[0].argv == ("<start_argv>",)
    assert found.missing == ("start_argv",)


def test_a_masked_secret_of_a_start_command_is_a_blank_to_fill_in() -> None:
    fix = Fix(say="start it", commands=(Command(argv=("{start_argv}",), background=True),))
    advised = advise((fix,), Setting(facts={}, supervisor="process", start=("serve", "--api-key", "***")))
    assert advised is not None
    assert advised.commands[0].argv == ("serve", "--api-key", "<secret>")
    assert advised.missing == ("secret",)
