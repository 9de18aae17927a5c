"""Files of kernel modules: what is added stands there afterwards, and every other byte stays."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.formats.kernel_modules import (
    add_to_load_list,
    parse_depends,
    parse_load_list,
    parse_loaded,
    parse_rules,
    plain_name,
    set_rules,
)
from tests.engines.real import skip

NAMES = st.from_regex(r"[a-z][a-z0-9_-]{0,8}", fullmatch=True)
OPTIONS = st.from_regex(r"[A-Za-z]{1,6}=[0-9a-z]{1,4}( [a-z]{1,4}=[0-9]{1,3})?", fullmatch=True)
LINES = st.one_of(
    st.binary(max_size=20).filter(lambda line: b"\n" not in line and b"\\" not in line),
    st.builds(lambda name, said: f"options {name} {said}".encode(), NAMES, OPTIONS),
    st.builds(lambda name: f"options {name} a=1 \\\n   b=2".encode(), NAMES),
    st.builds(lambda name: f"blacklist {name}".encode(), NAMES),
)


@settings(max_examples=80)
@given(st.lists(LINES, max_size=6), st.lists(NAMES, max_size=3), st.dictionaries(NAMES, OPTIONS, max_size=3))
def test_rules_are_set_and_the_rest_stays(lines: list[bytes], blacklist: list[str], options: dict[str, str]) -> None:
    options = {name: said for name, said in options.items() if plain_name(name) == name}
    content = b"\n".join(lines)
    after = set_rules(content, blacklist, options)
    rules = parse_rules(after)
    assert {plain_name(one) for one in blacklist} <= rules.blacklist
    assert all(rules.options[name] == (said,) for name, said in options.items())
    assert set_rules(after, blacklist, options) == after
    mine = tuple(f"options {name}".encode() for name in options)
    others = [one for one in lines if b"options" not in one]
    assert [one for one in others if one in after] == others, (mine, after)


def test_only_the_modules_own_line_goes_with_its_continuation() -> None:
    content = b"# mine\r\noptions nvidia-drm a=1 \\\r\n  b=2\r\noptions other x=1\r\nblacklist nouveau"
    after = set_rules(content, ["nouveau", "rival"], {"nvidia_drm": "modeset=1"})
    assert after == (
        b"# mine\r\noptions other x=1\r\nblacklist nouveau\noptions nvidia_drm modeset=1\nblacklist rival\n"
    )


@settings(max_examples=50)
@given(st.binary(max_size=60), st.lists(NAMES, min_size=1, max_size=3))
def test_names_are_added_at_the_end(content: bytes, names: list[str]) -> None:
    after = add_to_load_list(content, names)
    assert after.startswith(content)
    assert parse_load_list(after)[-len(names) :] == tuple(map(plain_name, names))
    parse_loaded(content)
    parse_rules(content)


def test_what_modprobe_says_of_a_module() -> None:
    assert parse_depends("insmod /lib/modules/6/a.ko.xz \ninsmod /lib/modules/6/b.ko \n") == "loadable"
    assert parse_depends("builtin loop\n") == "builtin"
    assert parse_depends("") == ""


def test_the_real_modprobe_reads_the_rules(tmp_path: Path) -> None:
    """kmod's own reading of the file, by `modprobe --showconfig` with a folder of its own."""
    program = shutil.which("modprobe", path="/usr/sbin:/sbin")
    if program is None:
        skip("there is no modprobe (kmod)")
    content = set_rules(b"options other x=1 \\\n y=2\n", ["nouveau"], {"nvidia-drm": "modeset=1 fbdev=1"})
    (tmp_path / "keepwell.conf").write_bytes(content)
    argv = [program, "--showconfig", "--config", str(tmp_path), "--dirname", str(tmp_path)]
    said = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False).stdout.splitlines()
    assert "blacklist nouveau" in said
    assert "options nvidia_drm modeset=1 fbdev=1" in said
    assert "options other x=1 y=2" in [" ".join(line.split()) for line in said]
