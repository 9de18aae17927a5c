"""Environment files as people, installers and accidents leave them; the same file for the same number."""

from __future__ import annotations

import random
import shlex

NAMES = ("SERVER_HOST", "SERVER_KEEP", "SERVER_MODELS", "API_TOKEN", "CUDA_VISIBLE_DEVICES", "A", "B_2", "_C")
VALUES = (
    "", "1", "0.0.0.0:8080", "/var/lib/models", "two words", "  blanks around  ", "it's", 'say "x"', "back\\slash",
    "a#b", "a # b", "$HOME/x", "`date`", "50%", "ümläut", "~/models", "a;b", "a&b|c", "(x)", "*", "http://x/?a=1&b=2",
    "end\\", "a=b", "'", '"', "!", "\ttab",
)  # fmt: skip
COMMENTS = (
    "# a comment",
    "; another",
    "  # indented",
    "#no blank",
    "# goes on \\",
    "#SERVER_HOST=old",
    "# \xff\xfe bytes",
)
BAD = (
    "just words", "2X=1", "=x", "export", 'OPEN="open', "OPEN='open", "if true; then", "fi", "A B=1", "set -a", "-X=1",
    "OPEN=\\", "B-AD=1", "B\xc3\xa4D=1", "D=\xff\xc3", 'if [ -n "$X" ]; then A=cond; fi', "exit 0", "A=1 && B_2=2",
    "unset A", "D=$(date)", "true | false", "( A=sub )", "f() { A=fun; }",
)  # fmt: skip


def make_environment(number: int, *, for_shell: bool = False) -> bytes:
    """One file: up to a dozen lines of all kinds, ended one way or another. Most of those for a shell are such that it
    reads them to their end.
    """
    chance = random.Random(number)
    lines = [_line(chance, for_shell) for _ in range(chance.randrange(12))]
    end = chance.choice(["\n", "\n", "\n", "\r\n"])
    text = chance.choice(["", "", "", "", "\xef\xbb\xbf", "#!/bin/sh\n"]) + end.join(lines)
    if lines and chance.random() < 0.7:
        text += end
    return text.encode("latin-1")


def make_value(chance: random.Random) -> str:
    """A value that somebody may wish."""
    return chance.choice(VALUES)


def _line(chance: random.Random, for_shell: bool) -> str:
    kind = chance.random()
    if kind < 0.12:
        return chance.choice([one for one in COMMENTS if not (for_shell and one.startswith(";"))])
    if kind < 0.24 and (not for_shell or kind < 0.14):
        return chance.choice(BAD)
    if kind < 0.30:
        return chance.choice(["", " ", "\t"])
    if for_shell and kind < 0.95:
        return _shell_line(chance)
    return _assignment(chance)


def _shell_line(chance: random.Random) -> str:
    """One that a shell takes: every value in quotes or escapes of its own."""
    name, value = chance.choice(NAMES), make_value(chance).encode().decode("latin-1")
    escaped = "".join(f"\\{one}" if one in '"\\$`' else one for one in value)
    bare = "".join(f"\\{one}" if not one.isalnum() else one for one in value)
    ways = [shlex.quote(value), f'"{escaped}"', bare, f"'a'{shlex.quote(value)}", f'"{escaped}"\\\n"x"']
    head = chance.choice(["", "", "", "  ", "export ", "\t"])
    tail = chance.choice(["", "", "", "", " ", " # why", f" {chance.choice(NAMES)}=more", "; B_2=3", ";", " && A=and"])
    return head + name + "=" + chance.choice(ways) + tail


def _assignment(chance: random.Random) -> str:
    name, value = chance.choice(NAMES), make_value(chance).encode().decode("latin-1")
    head = chance.choice(["", "", "", "  ", "export ", "\t"])
    equals = chance.choice(["=", "=", "=", "=", " = ", "= "])
    ways = [value, f'"{value}"', f"'{value}'", value.replace(" ", "\\ "), f"{value[:1]}\\\n{value[1:]}"]
    tail = chance.choice(["", "", "", "", " ", " # why", f" {chance.choice(NAMES)}=more", "; B_2=3", " \\", '"more"'])
    return head + name + equals + chance.choice(ways) + tail
