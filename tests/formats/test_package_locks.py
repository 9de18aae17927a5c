"""Lists of locked packages, as their tools write them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.formats.package_locks import (
    parse_holds,
    parse_solver_locks,
    parse_version_lock_table,
    parse_version_locks,
    parse_versions,
)

NAMES = st.from_regex(r"[a-z][a-z0-9+_]{0,6}(-[a-z]{1,4})?", fullmatch=True)


def test_names_of_dnf_4_are_found_with_dashes_and_epochs() -> None:
    content = b"""# Added lock on Mon Nov  3 10:00:00 2025
nvidia-driver-cuda-3:550.54.14-1.el9.*
gcc-c++-0:11.4.1-3.el9.*
!kernel-core-0:5.14.0-1.el9.*
python3-3.9.18-1.el9.*
"""
    assert parse_version_locks(content) == {"nvidia-driver-cuda", "gcc-c++", "python3"}


def test_names_of_dnf_5_are_found() -> None:
    content = b"""version = "1.0"
[[packages]]
name = "nvidia-driver"
comment = "Added by 'versionlock add' command"
[[packages.conditions]]
key = "evr"
comparator = "="
value = "3:550.54.14-1.fc41"
"""
    assert parse_version_lock_table(content) == {"nvidia-driver"}
    for broken in (b"[[", b"packages = 1"):
        with pytest.raises(ValueError, match=r"."):
            parse_version_lock_table(broken)


def test_names_of_zypper_are_found() -> None:
    content = b"""
type: package
match_type: glob
case_sensitive: on
solvable_name: nvidia-driver-G06

type: patch
solvable_name: openSUSE-2025-1
"""
    assert parse_solver_locks(content) == {"nvidia-driver-G06"}


@settings(max_examples=60)
@given(st.dictionaries(NAMES, st.from_regex(r"[0-9][0-9.]{0,5}", fullmatch=True), max_size=4))
def test_what_is_written_is_found(versions: dict[str, str]) -> None:
    locks = "".join(f"{name}-0:{version}-1.el9.*\n" for name, version in versions.items())
    assert parse_version_locks(locks.encode()) == set(versions)
    rows = "".join(f"{name}\t{version}\tinstalled\ngone\t1\tconfig-files\n" for name, version in versions.items())
    assert parse_versions(rows) == versions
    assert parse_holds("".join(f"{name}\n" for name in versions)) == set(versions)


@settings(max_examples=60)
@given(st.binary(max_size=80))
def test_garbage_is_read_or_refused(content: bytes) -> None:
    parse_version_locks(content)
    parse_solver_locks(content)
    parse_versions(content.decode("latin-1"))
    try:
        parse_version_lock_table(content)
    except ValueError:
        return
