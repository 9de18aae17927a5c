"""Rules for what names a person or a machine: addresses, numbers, home folders."""

from __future__ import annotations

from keepwell.redact import judges
from keepwell.redact.rule import Rule, make_rule

_FIRST = (
    r"(?:[1-9]|[2-9][0-9]|1[1-9]|10[1-9]|11[0-9]|12[0-689]|1[3-5][0-9]|16[0-8]|17[013-9]|18[0-9]"
    r"|19[013-79]|20[0-9]|21[0-9]|22[0-3])"
)
_ANY = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
#: The second number of ranges that are partly private: 100.64/10, 169.254/16, 172.16/12, 192.168/16, 198.18/15.
_SECOND = (
    r"100\.(?:[0-9]|[1-5][0-9]|6[0-3]|12[89]|1[3-9][0-9]|2[0-9][0-9])"
    r"|169\.(?:[0-9]|[1-9][0-9]|1[0-9][0-9]|2[0-46-9][0-9]|25[0-35])"
    r"|172\.(?:[0-9]|1[0-5]|3[2-9]|[4-9][0-9]|1[0-9][0-9]|2[0-9][0-9])"
    r"|192\.(?:[0-9]|[1-9][0-9]|1[0-57-9][0-9]|16[0-79]|2[0-9][0-9])"
    r"|198\.(?:[0-9]|1[0-7]|[2-9][0-9]|1[0-9][0-9]|2[0-9][0-9])"
)
_PUBLIC = rf"(?:{_FIRST}\.{_ANY}|{_SECOND})\.{_ANY}\.{_ANY}"

#: Rules for identities, in the order in which they are applied.
IDENTITIES: tuple[Rule, ...] = (
    make_rule(
        "email",
        r"[a-z0-9_.+-](?:@|%40)[a-z0-9-]{1,63}\.[a-z0-9]",
        r"(?<![A-Za-z0-9_.+-])(?P<x>[A-Za-z0-9_.+-]{1,64}(?:@|%40)[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8})",
        judges.is_email,
        reach=240,
    ),
    make_rule(
        "uuid",
        r"-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]",
        r"(?<![0-9A-Fa-f])(?P<x>[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})(?![0-9A-Fa-f])",
        judges.is_uuid,
    ),
    make_rule(
        "mac",
        (r":[0-9a-f]{2}:[0-9a-f]{2}:[0-9a-f]{2}:[0-9a-f]{2}:", r"-[0-9a-f]{2}-[0-9a-f]{2}-[0-9a-f]{2}-[0-9a-f]{2}-"),
        r"(?<![0-9A-Fa-f:.-])(?P<x>[0-9A-Fa-f]{2}(?P<m>[:-])[0-9A-Fa-f]{2}(?:(?P=m)[0-9A-Fa-f]{2}){4})(?![0-9A-Fa-f:-])",
        judges.is_mac,
    ),
    make_rule(
        "public-ipv4",
        rf"(?:{_FIRST}\.[0-9]{{1,3}}|{_SECOND})\.[0-9]{{1,3}}\.[0-9]{{1,3}}[^0-9]",
        rf"(?<![\w.=-])(?<!\d[:/])(?P<x>{_PUBLIC})(?![\w]|\.\d|-\w)",
        judges.is_public_ipv4,
    ),
    make_rule(
        "public-ipv6",
        (r":[0-9a-f]{1,4}:[0-9a-f]{1,4}:[0-9a-f]{1,4}:[0-9a-f]{1,4}:", r"\b[23][0-9a-f]{3}:(?:[0-9a-f]{1,4}:){0,5}:"),
        r"(?<![\w:.])(?P<x>[23][0-9A-Fa-f]{3}:[0-9A-Fa-f:]{2,40})",
        judges.is_public_ipv6,
    ),
    make_rule(
        "serial",
        r"serial(?:[ _-]{0,2}(?:number|no|num|#))?[\\\"']{0,3}[ \t]{0,40}[:=]",
        r"""(?i)serial(?:[ _-]{0,2}(?:number|no|num|#))?[\\"']{0,3}[ \t]{0,40}[:=]\s{0,3}[\\"']{0,3}"""
        r"""(?P<x>[A-Za-z0-9][\w./-]{3,63})""",
        judges.has_digit,
    ),
    make_rule(
        "machine-id",
        (r"machine[-_ ]?id[\\\"']{0,3}\s{0,3}[:=]", r"boot[-_ ]?id[\\\"']{0,3}\s{0,3}[:=]"),
        r"""(?i)(?:machine|boot)[-_ ]?id[\\"']{0,3}\s{0,3}[:=]\s{0,3}[\\"']{0,3}(?P<x>[0-9a-f]{32})\b""",
    ),
    make_rule(
        "user",
        (r"/home/[a-z_]", r"/users/[a-z_]", r"\\users\\"),
        r"(?:/home/|/Users/|[A-Z]:\\{1,4}Users\\{1,4})(?P<x>[A-Za-z_][\w.-]{0,63})",
        judges.is_person,
    ),
    make_rule(
        "user",
        r":[0-9]{4,5}:[0-9]{1,10}:",
        r"(?m)^(?P<x>[A-Za-z_][\w.-]{0,63})(?=:[^:\s]{0,200}:(?:[1-9]\d{3}|[1-5]\d{4}):\d{1,10}:)",
        judges.is_person,
        reach=320,
    ),
    make_rule(
        "user",
        r"\b(?:user|logname|sudo_user|username)=[a-z_]",
        r"\b(?:USER|LOGNAME|SUDO_USER|USERNAME)=(?P<x>[A-Za-z_][\w.-]{0,63})",
        judges.is_person,
    ),
)
