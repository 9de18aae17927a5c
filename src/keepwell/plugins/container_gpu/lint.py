"""Which rules are for which kind of file, and a file set right so far as a machine can."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

from keepwell.plugins.container_gpu.compose import ask_for
from keepwell.plugins.container_gpu.container_rules import find_container_mistakes
from keepwell.plugins.container_gpu.daemon import ask_daemon, find_daemon_mistakes
from keepwell.plugins.container_gpu.ground import Asked, CannotAsk, FileKind, Ground, Mistake
from keepwell.plugins.container_gpu.quadlet import ask_quadlet, find_quadlet_mistakes, image_of
from keepwell.plugins.container_gpu.rules import find_compose_mistakes
from keepwell.plugins.container_gpu.system_container import ask_container
from keepwell.plugins.recognise import engine_of_name, load_engines

#: Mistakes of one file that are set right one after the other; each leaves one less.
ROUNDS = 32


def find_mistakes(kind: FileKind, path: str, text: str, ground: Ground) -> tuple[Mistake, ...]:
    """Everything that is wrong about GPUs in a file of this kind, in the order of its lines."""
    found: Iterable[Mistake]
    if kind == "compose":
        found = find_compose_mistakes(text, ground)
    elif kind == "docker":
        found = find_daemon_mistakes(text, ground)
    elif kind == "podman":
        stem = PurePosixPath(path).stem
        engines = load_engines()
        image = image_of(text).partition("@")[0].rpartition("/")[2]
        engine = bool(engine_of_name(image, engines) or engine_of_name(stem, engines))
        found = find_quadlet_mistakes(text, stem, ground, engine=engine)
    else:
        found = find_container_mistakes(text, ground)
    return tuple(sorted(found, key=_line))


def mend(kind: FileKind, path: str, text: str, ground: Ground, service: str = "") -> str:
    """The text with every mistake of the service (of all, for "") set right that a machine can set right."""
    for _ in range(ROUNDS):
        found = find_mistakes(kind, path, text, ground)
        mended = [one.mended for one in found if one.mended and (not service or one.service in ("", service))]
        if not mended or mended[0] == text:
            break
        text = mended[0]
    return text


def ask(kind: FileKind, service: str, text: str, asked: Asked, ground: Ground) -> str:
    """The text that asks for these devices; the same text where it does. Raises CannotAsk."""
    if kind == "compose":
        return ask_for(text, service, asked, ground)
    if kind == "docker":
        return ask_daemon(text, asked)
    if kind == "podman":
        return ask_quadlet(text, asked)
    return ask_container(text, asked, ground)


def parse_text(content: bytes) -> str:
    """A definition's text. CannotAsk for one that is no UTF-8: nobody could say what it means."""
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise CannotAsk("it is not written in UTF-8") from None


def _line(one: Mistake) -> int:
    return one.line
