"""Style and script, under names that hold their digest: browsers keep them for good, a new release has new names."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

_FOLDER = Path(__file__).parent / "assets"
KINDS = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
#: Characters of the digest in a name, and seconds for which browsers keep a file: a year.
DIGEST, SECONDS = 12, 31_536_000


@dataclass(frozen=True, slots=True)
class Asset:
    """One file: its address, its kind, its bytes as they are and packed."""

    url: str
    kind: str
    content: bytes
    packed: bytes


@cache
def load_assets() -> dict[str, Asset]:
    """All of them by their own name."""
    found = {}
    for path in sorted(_FOLDER.iterdir()):
        kind = KINDS.get(path.suffix)
        if kind is not None:
            content = path.read_bytes()
            digest = hashlib.sha256(content).hexdigest()[:DIGEST]
            url = f"/assets/{path.stem}.{digest}{path.suffix}"
            found[path.name] = Asset(url, kind, content, gzip.compress(content, mtime=0))
    return found


async def give_asset(request: Request) -> Response:
    """The file of this address, to anybody: nothing of anybody is in it."""
    found = next((one for one in load_assets().values() if one.url == request.url.path), None)
    if found is None:
        return Response("there is no such file\n", status_code=404, media_type="text/plain")
    headers = {
        "cache-control": f"public, max-age={SECONDS}, immutable",
        "x-content-type-options": "nosniff",
        "vary": "accept-encoding",
    }
    if takes_gzip(request):
        return Response(found.packed, headers={**headers, "content-encoding": "gzip"}, media_type=found.kind)
    return Response(found.content, headers=headers, media_type=found.kind)


def takes_gzip(request: Request) -> bool:
    """True if the answer may be packed."""
    return "gzip" in request.headers.get("accept-encoding", "")
