"""Who really reads environment files: systemd's own library, and sh. Many files at once, each in one process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from keepwell.formats.environment_spots import NAME

#: Where distributions keep the library in which systemd has its reader of environment files.
_LIBRARIES = ("/usr/lib/x86_64-linux-gnu/systemd", "/usr/lib/aarch64-linux-gnu/systemd", "/usr/lib/systemd")
#: Run as a program of its own, so that a fault in a foreign library ends no test run. Prints a list: for each path of
#: its input the assignments as Latin-1, or null where systemd refuses the file.
_ASK_SYSTEMD = """
import ctypes, json, sys
library = ctypes.CDLL(sys.argv[1])
texts = ctypes.POINTER(ctypes.c_char_p)
library.load_env_file.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.POINTER(texts)]
library.log_set_max_level(0)
said = []
for path in json.load(sys.stdin):
    found = texts()
    code = library.load_env_file(None, path.encode(), ctypes.byref(found))
    told = []
    while code == 0 and found and found[len(told)]:
        told.append(found[len(told)].decode("latin-1"))
    said.append(told if code == 0 else None)
print(json.dumps(said))
"""
#: For each file whose path is on a line of its input: how its reading ended (2: sh gave up on it), then the values of
#: the names that it was given, each with a NUL behind it; "-" for what is not set. A file that says `exit 0` was read
#: up to there.
_ASK_SHELL = r"""
report() {
  printf '%d\0' "$1"; shift
  for name; do
    eval "if [ \"\${$name+x}\" ]; then printf '=%s\0' \"\$$name\"; else printf -- '-\0'; fi"
  done
}
for name; do unset "$name"; done
while read -r file; do
  (
    exec 3>&1 >/dev/null 2>&1 </dev/null
    trap 'code=$?; exec >&3; report $code '"$*" EXIT
    . "$file"
    exit 0
  )
done
"""


def find_library() -> str:
    """systemd's shared library, "" where there is none."""
    for folder in _LIBRARIES:
        for path in sorted(Path(folder).glob("libsystemd-shared-*.so")):
            return str(path)
    return ""


def ask_systemd(paths: Sequence[Path]) -> list[Mapping[str, str] | None]:
    """What systemd makes of each file, by name as Latin-1; None where it refuses it."""
    argv = [sys.executable, "-c", _ASK_SYSTEMD, find_library()]
    ran = subprocess.run(
        argv, input=json.dumps([str(one) for one in paths]), capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 0, ran.stderr
    return [_variables(one) for one in json.loads(ran.stdout)]


def _variables(pairs: list[str] | None) -> Mapping[str, str] | None:
    """Names that no variable can have are left out, as systemd does before it starts a program."""
    if pairs is None:
        return None
    found = dict(one.split("=", 1) for one in pairs)
    return {name: value for name, value in found.items() if NAME.match(name)}


def ask_shell(paths: Sequence[Path], names: Sequence[str]) -> list[Mapping[str, str] | None]:
    """What sh has in these variables after it sourced each file, as Latin-1; None where it gave up on the file."""
    argv = ["/bin/sh", "-c", _ASK_SHELL, "sh", *names]
    environment = {"PATH": "/nowhere", "LC_ALL": "C", "HOME": "/home/some"}
    given = "".join(f"{one}\n" for one in paths).encode()
    ran = subprocess.run(argv, input=given, capture_output=True, timeout=60, env=environment)
    said = ran.stdout.decode("latin-1").split("\0")
    width = len(names) + 1
    assert len(said) == width * len(paths) + 1, ran.stderr
    return [_told(names, said[place : place + width]) for place in range(0, width * len(paths), width)]


def _told(names: Sequence[str], said: Sequence[str]) -> Mapping[str, str] | None:
    if said[0] != "0":
        return None
    return {name: one[1:] for name, one in zip(names, said[1:], strict=True) if one.startswith("=")}
