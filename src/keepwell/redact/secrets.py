"""Rules for secrets: by their issuer's letters, by the name they are assigned to, by what they stand in."""

from __future__ import annotations

import re

from keepwell.core.secret_kinds import BODY, LEAST, TOKEN_KINDS
from keepwell.redact import judges
from keepwell.redact.rule import Rule, make_rule

#: Words that name a secret when something is assigned to a name that ends in one.
_SECRET = (
    r"(?:api[-_.]?key|access[-_]?key(?:[-_]?id)?|secret[-_]?key|private[-_]?key(?:[-_]?id)?|preshared[-_]?key"
    r"|account[-_]?key|shared[-_]?access[-_]?key|master[-_]?key|encryption[-_]?key|signing[-_]?key|client[-_]?key[-_]?data"
    r"|client[-_]?certificate[-_]?data|deploy[-_]?key|license[-_]?key|secret|token|passw(?:or)?d|[-_]pwd|[-_]pass"
    r"|passphrase|credentials?|authorization|x-auth|auth[-_]?(?:key|string)|[-_]auth|\bauth|[-_]pat|webhook|sig"
    r"|[\"';]pass|;pwd)"
)
#: Between a name and its value: quotes that JSON may have escaped, and one sign.
_QUOTE = r"""(?:\\{0,3}["'])?"""
_SIGN = r"[ \t]{0,3}(?:=>|[=:>]|%3[AaDd])[ \t]{0,3}"
_VALUE = (
    r"""(?:\\{1,3}"(?P<e>[^"\\\x00-\x1f]{2,65536})|"(?P<d>(?:[^"\\\x00-\x1f]|\\[^\x00-\x1f]){2,65536})"?"""
    r"""|'(?P<s>[^'\x00-\x1f]{2,65536})'?|(?P<u>[^\s"',;&\x00-\x1f\\)\]}<][^\s"',;&\x00-\x1f<]{1,65536}))"""
)
_FLAG = (
    r"--(?:[a-z0-9]{1,20}[-_]){0,4}(?:api-?key|token|password|passwd|pass|secret|secret-?key|passphrase|access-key"
    r"|private-key|master-key)"
)
_BETWEEN = r"""["'\\]{0,4}(?:[=,\x00]|\s)[\s,\x00]{0,80}(?:- )?["'\\]{0,4}"""


def _token_rules() -> list[Rule]:
    body = BODY.replace("A-Z", "").lower()
    made = []
    for one in TOKEN_KINDS:
        lead = rf"\b{re.escape(one.sign.lower())}{body}{{{LEAST}}}"
        made.append(make_rule(one.kind, lead, rf"(?<![A-Za-z0-9_])(?P<x>{re.escape(one.sign)}{one.tail})"))
    return made


#: The words of a private key from its first line to its last, written as lines or with \n escapes.
PEM = make_rule(
    "private-key",
    r"-begin [a-z0-9 ]{0,40}private key(?: block)?-----",
    r"(?s)-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?P<x>[^<-](?:[^-]|-(?!----)){0,20000})"
    r"(?:(?=-----END [A-Z0-9 ]{0,40}PRIVATE KEY)|\Z)",
    lines=400,
)

#: Rules for secrets, in the order in which they are applied.
SECRETS: tuple[Rule, ...] = (
    PEM,
    make_rule(
        "login",
        r"://[^\s/'\"<>]",
        r"""(?i)[a-z][a-z0-9+.-]{1,20}://(?P<x>[^\s/'"<>\x00-\x1f]{1,512})@""",
        judges.is_login,
    ),
    make_rule(
        "login",
        r"@(?:tcp|unix)\(",
        r"(?P<x>[^\s\"'@:/=<>\x00-\x1f]{1,64}:[^\s\"'<>\x00-\x1f]{1,256})@(?:tcp|unix)\(",
        reach=340,
    ),
    make_rule(
        "authorization",
        r"authorization",
        r"""(?i)authorization\\{0,3}["']?\s{0,3}[:=,]\s{0,3}\\{0,3}["']?(?:[a-z-]{2,20}\s{1,3})?"""
        r"""(?P<x>[^\s"'\\,<\x00-\x1f][^\s"'\\,\x00-\x1f]{3,4096})""",
        judges.is_secret_word,
    ),
    make_rule("bearer", r"bearer\s", r"(?i)\bbearer\s{1,3}(?P<x>[\w.~+/=-]{8,8192})", judges.has_digit),
    make_rule("basic", r"basic\s", r"(?i)\bbasic\s{1,3}(?P<x>[A-Za-z0-9+/]{6,2048}={0,2})", judges.is_basic),
    make_rule(
        "cookie",
        r"cookie2?[\\\"']{0,3}\s?[:=]",
        r"""(?i)\b(?:set-)?cookie2?[\\"']{0,3}\s?[:=]\s{0,3}[\\"']{0,3}(?P<x>[^\r\n"'\\\x00-\x1f]{4,8192})""",
    ),
    *_token_rules(),
    make_rule("telegram-token", r"[0-9]{6}:aa[a-z0-9_-]{8}", r"(?<!\d)(?P<x>\d{6,12}:AA[\w-]{25,60})"),
    make_rule(
        "discord-token",
        r"\b[mno][a-z0-9_-]{22,26}\.[a-z0-9_-]{6}\.[a-z0-9_-]{8}",
        r"\b(?P<x>[MNO][\w-]{22,26}\.[\w-]{6}\.[\w-]{25,64})",
    ),
    make_rule("azure-secret", r"8q~[a-z0-9~_.-]{8}", r"(?P<x>[\w~.-]{3}8Q~[\w~.-]{30,40})"),
    make_rule("mailgun-key", r"\bkey-[0-9a-f]{8}", r"\b(?P<x>key-[0-9a-f]{32})\b"),
    make_rule("twilio-key", r"\bsk[0-9a-f]{32}", r"\b(?P<x>SK[0-9a-f]{32})\b"),
    make_rule(
        "password-hash",
        (
            r"\$(?:1|2[abxy]?|5|6|7|y|gy|apr1|argon2[id]{0,2}|scrypt|sha1|md5)\$[^\s$]",
            r"\{s?(?:sha|md5|crypt)[0-9]{0,3}\}",
        ),
        r"""(?P<x>\$(?:1|2[abxy]?|5|6|7|y|gy|apr1|argon2[id]{1,2}|scrypt|sha1|md5)\$[\w./$=,+-]{8,512}"""
        r"""|\{(?:S?SHA\d{0,3}|S?MD5|CRYPT)\}[\w./$=+-]{8,512})""",
    ),
    make_rule(
        "secret",
        rf"""{_FLAG}(?:["'\\=,\x00]|\s)""",
        rf"""(?i)(?P<n>{_FLAG}){_BETWEEN}(?P<x>[^\s"'\\,\x00\]<-][^\s"'\\,\x00\]]{{2,65536}})""",
        judges.is_flag_value,
        lines=2,
    ),
    make_rule(
        "login",
        r"\bcurl\b",
        r"""\bcurl\b[^\n]{0,600}?[\s"'\x00](?:-u|-U|--user|--proxy-user)[\s=\x00"',]{0,8}(?P<x>[^\s:"'<\x00-\x1f]{1,128}:"""
        r"""[^\s"'\x00-\x1f]{2,256})""",
    ),
    make_rule(
        "password", r"\bsshpass\b", r"""\bsshpass[\s\x00]{1,8}-p[\s\x00]{0,8}["']?(?P<x>[^\s"'<\x00-\x1f]{2,256})"""
    ),
    make_rule(
        "password",
        (r"\bmysql", r"\bmariadb"),
        r"""\b(?:mysql|mariadb)[\w-]{0,20}\b[^\n]{0,500}?[\s\x00]-p["']?(?P<x>[^\s"'<\x00-\x1f-][^\s"'\x00-\x1f]{2,256})""",
    ),
    make_rule(
        "password",
        (r"\blogin\b", r"\bredis-cli\b"),
        r"""\b(?:(?:docker|podman|helm|az)\b[^\n]{0,60}\blogin|redis-cli)\b[^\n]{0,300}?[\s\x00](?:-p|-a)[\s\x00=]{1,8}["']?"""
        r"""(?P<x>[^\s"'<\x00-\x1f-][^\s"'\x00-\x1f]{2,256})""",
    ),
    make_rule(
        "password",
        r"\bpassword[ \t]",
        r"(?m)(?:^[ \t]{0,8}|\blogin[ \t]{1,8}\S{1,128}[ \t]{1,8})password[ \t]{1,8}(?P<x>[^\s\"'<=:]\S{2,256})"
        r"(?=[ \t]{0,8}(?:$|macdef\b|machine\b|account\b))",
        judges.is_secret_word,
    ),
    make_rule(
        "password",
        r":(?:543[0-9]|6432|\*):",
        r"(?m)^[\w.*-]{1,255}:(?:\d{1,5}|\*):[\w*.-]{1,63}:[\w*.-]{1,63}:(?P<x>[^\s<][^\r\n]{1,256})$",
        reach=340,
    ),
    make_rule(
        "secret",
        rf"""{_SECRET}{_QUOTE}{_SIGN}(?:\\{{0,3}}["'])?[^\s"'\\<]""",
        rf"""(?i)(?P<n>{_SECRET}){_QUOTE}{_SIGN}{_VALUE}""",
        judges.is_assigned,
        reach=64,
    ),
    make_rule(
        "secret",
        r"[a-z0-9]_(?:key|pass|pw|token|secret|password)=[^\s]",
        r"""(?m)(?:^|\x00)(?:export )?(?P<n>[A-Z][A-Z0-9_]{0,63}_(?:KEY|PASS|PW|TOKEN|SECRET|PASSWORD))="""
        r"""(?P<x>[^\s<\x00][^\r\n\x00]{3,4096})""",
        judges.is_assigned_whole,
    ),
)
