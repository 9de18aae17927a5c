"""What a step looks at on a node to know the ground of its containers' definitions, and what that shows. Pure."""

from __future__ import annotations

from keepwell.core.observation import Missing, unknown
from keepwell.plugins.container_gpu.daemon import FILE
from keepwell.plugins.container_gpu.effect import PROXMOX_RELEASE
from keepwell.plugins.container_gpu.gather import (
    DEV,
    DRI,
    GRAPHICS,
    MAJORS,
    SPECIFICATIONS,
    Sight,
    find_nodes,
    is_graphics,
    make_ground,
    parse_release,
    parse_vendor,
)
from keepwell.plugins.container_gpu.ground import Ground
from keepwell.plugins.device_sharing import load_makers
from keepwell.plugins.whole_file import find_content
from keepwell.plugins.wish import Looked, Needs


def need_ground(looked: Looked) -> Needs:
    """Names first; then, by what is named, device nodes, makers' numbers and specifications."""
    nodes = [
        path for one in load_makers().values() for path in find_nodes(one, _names(looked, DEV), _names(looked, DRI))
    ]
    return Needs(
        paths=(FILE, MAJORS, *_vendors(looked), *_specifications(looked)),
        folders=(DEV, DRI, GRAPHICS, *SPECIFICATIONS),
        trees=tuple(nodes),
    )


def find_ground(looked: Looked) -> Ground:
    """What was looked at, as the ground that definitions must fit."""
    stats = {path: tree[path] for path, tree in looked.trees.items() if not isinstance(tree, Missing) and path in tree}
    daemon = find_content(looked, FILE)
    settings: str | None = None
    if not isinstance(daemon, Missing) or daemon.kind == "absent":
        settings = _text(looked, FILE)
    ran = looked.ran.get(PROXMOX_RELEASE, unknown("not asked"))
    release = ""
    if not isinstance(ran, Missing):
        release = parse_release(ran.text)
    sight = Sight(
        dev=_names(looked, DEV),
        dri=_names(looked, DRI),
        vendors=tuple(parse_vendor(_text(looked, path)) for path in _vendors(looked)),
        stats=stats,
        majors=_text(looked, MAJORS),
        daemon=settings,
        specifications={path: _text(looked, path) for path in _specifications(looked)},
        release=release,
    )
    return make_ground(sight)


def _vendors(looked: Looked) -> tuple[str, ...]:
    return tuple(f"{GRAPHICS}/{name}/device/vendor" for name in _names(looked, GRAPHICS) if is_graphics(name))


def _specifications(looked: Looked) -> tuple[str, ...]:
    return tuple(f"{folder}/{name}" for folder in SPECIFICATIONS for name in _names(looked, folder))


def _names(looked: Looked, folder: str) -> tuple[str, ...]:
    found = looked.names.get(folder, ())
    if isinstance(found, Missing):
        return ()
    return found


def _text(looked: Looked, path: str) -> str:
    found = find_content(looked, path)
    if isinstance(found, Missing):
        return ""
    return found.decode("utf-8", "replace")
