"""Is a match what its rule means? The second look, at the few places where a pattern matched."""

from __future__ import annotations

import base64
import binascii
import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from keepwell.redact.people import NOBODY
from keepwell.redact.tokens import TOKEN

#: Words of a sentence that follow `password:` or `token=` without being one.
_PLAIN_WORDS = b"""
    true false none null nil yes no on off not is are was and or for the a an empty set unset missing required
    incorrect invalid wrong failed authentication auth denied expired expected unexpected given provided basic bearer
    digest undefined default disabled enabled error found login optional str int bool string bytes object type value
    file path env environ name id in of to from with must should cannot prompt sha256 secret token password key
    unauthorized forbidden negotiate ntlm header headers
    """
_WORDS = frozenset(_PLAIN_WORDS.split())
#: Names in front of `token` that count or name pieces of text.
_VOCABULARY = re.compile(
    rb"(?i)(?:^|[_.-])(?:n|max|min|num|eos|bos|eot|eom|eog|pad|sep|cls|unk|mask|stop|special|next|first|last|per|"
    rb"prompt|input|output|image|audio|video|fim|new|nl|lf|add_bos|add_eos|chat|start|end|control|draft|prev|tool|"
    rb"text|mean|prefix|suffix|middle)[_.-]?token$"
)
_NUMBER = re.compile(rb"[+-]?[\d.,:]+(?:e[+-]?\d+)?(?:[a-z%/]{1,4})?$", re.IGNORECASE)
_PLACEHOLDER = re.compile(
    rb"\$[({A-Z_]|\{\{|%[({s]|\*|x{3,}$|\.{3}|\[[A-Z]|/(?:run|etc|var|home|root|opt|usr|tmp)/|None\b"
)
_LIKE_A_UNIT = re.compile(rb"\.(?:service|socket|timer|mount|target|slice|scope|device|path|swap|automount)$")
_LABEL = re.compile(rb"[A-Za-z]{2,24}$|xn--[A-Za-z0-9-]+$")
_VERSION = re.compile(
    rb"(?i)(?:version|driver|release|build|cuda|cudnn|cublas|nccl|rocm|hip|v|ver|lib\w*|-cu\d\d|[a-z]+-[a-z-]+)"
    rb"[\"'\\]{0,3}\s{0,3}[:=(\[ ]{0,3}\s{0,40}[\"'\\]{0,3}v?$"
)
#: What may stand before the telling word in a name, and how much of it is looked at.
_NAME_BEFORE = re.compile(rb"[\w.-]+\Z")
NAME_BYTES = 64
_LOG_CLOCK = re.compile(rb"(?:^|\n)$")
_AFTER_CLOCK = re.compile(rb" [IWEDVT] ")
#: Fewer different signs make a word, not a key.
_TOKEN_LETTERS = 20
_NOBODY = frozenset(one.encode() for one in NOBODY)


def is_new(match: re.Match[bytes]) -> bool:
    """Anything but a token that an earlier redaction left."""
    return not TOKEN.match(match["x"])


def has_digit(match: re.Match[bytes]) -> bool:
    """New, and no plain word."""
    value = match["x"]
    return is_new(match) and any(byte in b"0123456789" for byte in value)


def is_login(match: re.Match[bytes]) -> bool:
    """What stands before the @ of a URL; the `git` of a code host names nobody."""
    return match["x"] != b"git" and is_new(match)


def is_basic(match: re.Match[bytes]) -> bool:
    """Base64 of a name, a colon and a password."""
    try:
        return b":" in base64.b64decode(match["x"] + b"=" * (-len(match["x"]) % 4))
    except (ValueError, binascii.Error):
        return False


def is_secret_word(match: re.Match[bytes]) -> bool:
    """A value, not a word of the sentence about it."""
    return _is_value(match["x"], match["x"])


def is_assigned(match: re.Match[bytes]) -> bool:
    """A secret assigned to a telling name, not a count of tokens, a path or a placeholder."""
    value = match["e"] or match["d"] or match["s"] or match["u"]
    before = _NAME_BEFORE.search(match.string, max(0, match.start() - NAME_BYTES), match.start())
    name = match["n"]
    if before is not None:
        name = before[0] + name
    return _is_secret(name, value)


def is_assigned_whole(match: re.Match[bytes]) -> bool:
    """A variable of an environment: its value is all up to the end of the line."""
    return _is_secret(match["n"], match["x"])


def is_flag_value(match: re.Match[bytes]) -> bool:
    """What follows `--api-key`; for flags that may take a file's path, no path."""
    return _is_secret(match["n"], match["x"])


def is_email(match: re.Match[bytes]) -> bool:
    """An address of a person: not a unit, a Git login, a version or a login that is masked already."""
    value = match["x"].replace(b"%40", b"@")
    name, _, domain = value.partition(b"@")
    if name == b"git" or _LIKE_A_UNIT.search(domain) or domain[:1].isdigit():
        return False
    return bool(_LABEL.match(domain.rpartition(b".")[2]))


def is_uuid(match: re.Match[bytes]) -> bool:
    """Any UUID but the one of zeros, which means "none"."""
    return bool(match["x"].strip(b"0-"))


def is_mac(match: re.Match[bytes]) -> bool:
    """An address of one card: not the empty one, not broadcast."""
    return bool(match["x"].strip(b"0:-")) and bool(match["x"].lower().strip(b"f:-"))


def is_public_ipv4(match: re.Match[bytes]) -> bool:
    """An address that leads to somebody; four numbers after the word `version`, or of a clock, are none."""
    text, start = match.string, match.start("x")
    before = text[max(0, start - 48) : start]
    if _VERSION.search(before.rpartition(b"\n")[2]):
        return False
    if _LOG_CLOCK.search(before) and _AFTER_CLOCK.match(text, match.end("x")):
        return False
    try:
        return IPv4Address(match["x"].decode("ascii")).is_global
    except AddressValueError:
        return False


def is_public_ipv6(match: re.Match[bytes]) -> bool:
    """A whole global address: eight groups, or fewer with `::`."""
    try:
        return IPv6Address(match["x"].rstrip(b":").decode("ascii")).is_global
    except AddressValueError:
        return False


def is_person(match: re.Match[bytes]) -> bool:
    """A name of an account that names somebody."""
    return match["x"].lower().rstrip(b".") not in _NOBODY


def _is_secret(name: bytes, value: bytes) -> bool:
    low = name.lower()
    if not _is_value(value, name):
        return False
    if low.endswith(b"pwd") and value.startswith(b"/"):
        return False
    if low.endswith(b"token"):
        return not _VOCABULARY.search(name) and (_looks_made(value) or name.isupper())
    if low.endswith((b"pass", b"password", b"passwd", b"secret", b"pwd", b"passphrase")):
        return True
    return len(value) >= _SHORT_KEY and (_looks_made(value) or name.isupper())


#: Letters under which something assigned to a `key` or `auth` is a word or a name.
_SHORT_KEY = 6


def _looks_made(value: bytes) -> bool:
    """Digits among letters, or long: not a word that somebody would write."""
    if len(value) < _SHORT_KEY:
        return False
    if any(byte in b"0123456789" for byte in value):
        return any(65 <= byte <= 122 for byte in value)
    return len(value) >= _TOKEN_LETTERS and b" " not in value


def _is_value(value: bytes, name: bytes) -> bool:
    if TOKEN.search(value) and not TOKEN.sub(b"", value).strip(b"\"'`.,;:)]} "):
        return False
    if TOKEN.match(value) or value.startswith((b"<", b"http://", b"https://")):
        return False
    if value.lower().strip(b".,:;()[]{}!?`\"'") in _WORDS or _PLACEHOLDER.match(value):
        return False
    passwords = name.lower().endswith((b"pass", b"password", b"passwd", b"secret"))
    return passwords or not _NUMBER.match(value)
