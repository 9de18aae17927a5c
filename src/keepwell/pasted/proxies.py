"""nginx's configuration in a text: what a proxied location has in force, and what is said of its streams."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from keepwell.core.observation import Value
from keepwell.formats.nginx import ProxiedLocation, parse_nginx
from keepwell.formats.transcript import Transcript
from keepwell.plugins.pasted import Told

#: Words of an answer that does not come word by word.
_BLOCKS = re.compile(
    r"in chunks|all at once|at the end|stutter|\bin blocks?\b|buffer(?:ed|ing)?\b|not stream"
    r"|no stream|bursts?",
    re.I,
)
_PASS = re.compile(r"\bproxy_pass\s")


class Proxies:
    """Gives text.proxied."""

    hints = ("proxy_pass",)
    gives = ("text.proxied",)

    def read(self, text: Transcript) -> Iterable[Told]:
        """Every location that hands requests on; a proxy without buffering or with a longer limit says so itself."""
        lines = text.lines
        whole = "\n".join(line.text for line in lines)
        said = any(_BLOCKS.search(line.text) and not _is_directive(line.text) for line in lines)
        starts = [line.number for line in lines if _PASS.search(line.text)]
        rows = [_row(one, said, starts) for one in _locations(whole)]
        if rows:
            yield Told(name="text.proxied", value=tuple(rows), lines=tuple(starts))


def _locations(text: str) -> Iterator[ProxiedLocation]:
    """What is written, also where words stand around it: the parser starts at the first block."""
    for start in re.finditer(
        r"^\s*(?:http|server|location\s[^{\n]{1,120}"
        r"|upstream\s[^{\n]{1,80})\s*\{",
        text,
        re.MULTILINE,
    ):
        found = parse_nginx("pasted", {"pasted": text[start.start() :]})
        if found:
            yield from found
            return


def _row(one: ProxiedLocation, said: bool, starts: list[int]) -> dict[str, Value]:
    return {
        "location": one.location,
        "upstream": one.upstream,
        "buffering": one.buffering,
        "read_timeout_seconds": one.read_timeout_seconds,
        "said_blocks": said,
        "line": next(iter(starts), 0),
    }


def _is_directive(line: str) -> bool:
    return bool(re.match(r"\s*#?\s*(?:proxy|chunked|tcp|add)_\w+", line))


PASTED = Proxies()
