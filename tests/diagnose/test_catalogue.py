"""Issue files: every mistake at once, with place and nearest word; a broken file never takes others down."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.core.errors import ConfigurationError
from keepwell.diagnose.catalogue import Catalogue, load_catalogue
from keepwell.diagnose.issue_file import FILE_BYTES, parse_table

SOUND = """
title = "It is made"
family = "made"
definition = "A made issue."
prior = 0.02
follow_ups = ["and then it ended"]
after = ["driver"]
[[evidence]]
say = "it says so"
match = ["it broke"]
weight = 4
[[evidence]]
say = "it is something else"
check = "a.b"
status = "ok"
weight = -2
[[rivals]]
issue = "other-one"
settle = "Look."
command = "ls {path}"
[[fixes]]
say = "Mend it."
supervisor = "systemd"
commands = [{ argv = ["docker", "inspect", "-f", "{{.State}}", "{unit}"], root = true }]
[[case]]
name = "one"
text = "it broke"
[[case]]
name = "two"
findings = [["a.b", { kind = "x" }]]
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def load(folder: Path, **files: str) -> Catalogue:
    """A catalogue of these files in a folder; `_` in a name stands for a hyphen."""
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name.replace('_', '-')}.toml").write_text(text)
    return load_catalogue([folder])


def test_a_sound_file(tmp_path: Path) -> None:
    made = load(tmp_path / "a", made_one=SOUND, other_one=SOUND.replace("other-one", "made-one")).get_sound()
    issue = made.issues["made-one"]
    assert issue.id == "made-one"
    assert issue.evidence[1].status == "ok"
    assert issue.fixes[0].commands[0].argv[3] == "{{.State}}"
    assert issue.cases[1].findings == (("a.b", {"kind": "x"}),)
    assert set(made.signatures) == {"it broke", "and then it ended"}


def test_the_second_load_comes_from_the_cache_and_is_the_same(tmp_path: Path) -> None:
    first = load(tmp_path / "a", made_one=SOUND)
    assert list((tmp_path / "cache/keepwell").glob("catalogue-*.bin"))
    second = load_catalogue([tmp_path / "a"])
    assert (first.issues, first.problems, first.signatures) == (second.issues, second.problems, second.signatures)


def test_all_mistakes_at_once(tmp_path: Path) -> None:
    broken = SOUND.replace('family = "made"', 'famly = "made"').replace("weight = 4", 'weight = "four"')
    broken = broken.replace('supervisor = "systemd"', 'supervisor = "sistemd"')
    found = load(tmp_path / "a", made_one=broken, other_one=SOUND.replace("other-one", "made-one"))
    said = "\n".join(str(one) for one in found.problems)
    assert "did you mean 'family'?" in said
    assert "family: is missing" in said
    assert "evidence[0].weight: expected a finite number, got 'four'" in said
    assert "did you mean 'systemd'?" in said
    assert "made-one.toml:3: famly" in said
    assert set(found.issues) == {"other-one"}
    with pytest.raises(ConfigurationError, match="problem"):
        found.get_sound()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('match = ["it broke"]', 'match = ["(?=it) broke"]', "is not a signature"),
        ('match = ["it broke"]', 'match = ["x*"]', "empty line"),
        ('match = ["it broke"]', 'match = ["it broke"]\ncheck = "a.b"', "not both"),
        ("weight = 4", "weight = nan", "finite number"),
        ("weight = 4", "weight = 0", "says nothing"),
        ('after = ["driver"]', 'after = ["drivers"]', "did you mean 'driver'?"),
        ("prior = 0.02", "prior = 2", "share above 0"),
        ("{path}", "{Path}", "is not a fact"),
        ("{path}", "{path }", "is not a fact"),
        ("weight = -2", "weight = 2", "refuter"),
        ('name = "two"', "", "name: is missing"),
        ('issue = "other-one"', 'issue = "made-one"', "name of another issue file"),
        ('findings = [["a.b", { kind = "x" }]]', 'findings = [["a.b"]]', "a list of"),
        ('title = "It is made"', 'title = "It is', "is not TOML"),
    ],
)
def test_each_rule(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in SOUND
    found = load(tmp_path / "a", made_one=SOUND.replace(old, new), other_one=SOUND.replace("other-one", "made-one"))
    assert any(said in str(one) for one in found.problems), [str(one) for one in found.problems]


def test_fewer_than_two_cases(tmp_path: Path) -> None:
    single = SOUND[: SOUND.index('[[case]]\nname = "two"')]
    assert any("at least 2 cases" in one.what for one in load(tmp_path / "a", made_one=single).problems)


def test_a_rival_that_is_not_there(tmp_path: Path) -> None:
    (problem,) = load(tmp_path / "a", made_one=SOUND, other_two=SOUND.replace("other-one", "made-one")).problems
    assert "did you mean 'other-two'?" in problem.what
    assert not problem.fatal


def test_an_overlay_replaces_a_file_of_the_same_name(tmp_path: Path) -> None:
    for folder, title in (("a", "first"), ("b", "second")):
        load(tmp_path / folder, made_one=SOUND.replace("It is made", title))
    assert load_catalogue([tmp_path / "a", tmp_path / "b"]).issues["made-one"].title == "second"


def test_a_bad_name_and_a_huge_file(tmp_path: Path) -> None:
    found = load(tmp_path / "a", Made=SOUND, huge="#" * (FILE_BYTES + 1))
    said = "\n".join(str(one) for one in found.problems)
    assert "lower-case words" in said
    assert "larger than" in said
    assert not found.issues


@given(st.binary(max_size=200))
@settings(max_examples=60)
def test_garbage_is_a_problem_not_an_error(content: bytes) -> None:
    table, problems = parse_table(content, "x.toml")
    assert (table is None) == bool(problems)
