"""Commands and addresses in a model's words: they are kept back, for a line of a log may have told it what to say."""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

_URL = re.compile(r"\b[a-z][a-z0-9+.-]{1,10}://(?:\[[^\]\s]*\])?[^\s\"'<>)\]]*|\bwww\.\S+", re.IGNORECASE)
#: Programs whose names are no words of a sentence about a machine, and those that may be.
_PROGRAMS = (
    "sudo|doas|curl|wget|mkfs\\S*|chmod|chown|pkill|killall|systemctl|kubectl|crontab|iptables|nft|ufw|scp|rsync|"
    "apt-get|powershell|iex|xargs|eval"
)
_WORDS = (
    "su|rm|dd|mv|cp|ln|kill|bash|sh|zsh|python3?|perl|ruby|exec|nc|ncat|ssh|pip3?|npm|npx|apt|dnf|yum|brew|service|"
    "docker|podman|reboot|shutdown|export|unset|echo|tee|git|make|source|set|keepwell"
)
_ORDERS = (
    "(?:docker|podman)\\s+(?:run|exec|rm|rmi|stop|start|kill|pull|compose|restart|system|volume)|"
    "(?:apt|dnf|yum|brew|pip3?|npm|npx|snap)\\s+(?:install|remove|uninstall|upgrade|update|purge)|"
    "git\\s+(?:clone|pull|push|reset|checkout)|service\\s+\\S+\\s+(?:re)?start|"
    "keepwell\\s+(?:apply|undo|adopt|drain|cordon|uncordon|forget|key|engine|models|migrate|jobs|batch|up|gateway|agent)"
)
_COMMAND = re.compile(
    rf"\b(?:{_PROGRAMS})\s+\S"
    rf"|(?:[`$#|;&]\s*|\b(?:run|execute|type|enter|paste)\b:?\s+[\"'`]?)(?:{_WORDS})\s+\S"
    rf"|\b(?:{_WORDS})\s+-{{1,2}}\w|\b(?:{_ORDERS})\b"
    r"|\|\s*(?:ba|z|da|k)?sh\b|>\s*/(?:dev|etc|proc)/|\$\(|&&|\|\|",
    re.IGNORECASE,
)
_HERE = frozenset({"localhost"})
#: What may stand behind an address in a sentence.
_ENDS = ".,;:!?`"
#: 100.64.0.0/10: addresses of overlay networks between one owner's machines (RFC 6598).
_CARRIER = ip_network("100.64.0.0/10")


def find_order(text: str) -> str:
    """Why a sentence is not shown: it names a command, or an address that is not of the owner's own network. keepwell
    shows its own commands and nobody else's. "" where it names none.
    """
    if _COMMAND.search(text):
        return "names a command"
    if any(not is_own(one.rstrip(_ENDS)) for one in _URL.findall(text)):
        return "names an address outside"
    return ""


def is_own(url: str) -> bool:
    """Whether the address in a URL can only be of this machine or a private network, by how it is written."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    if host in _HERE:
        return True
    try:
        found = ip_address(host)
    except ValueError:
        return False
    return found.is_private or found.is_loopback or found.is_link_local or found in _CARRIER
