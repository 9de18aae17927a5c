"""A made tree of files for collectors: a Sight that knows what was asked of it."""

from __future__ import annotations

from collections.abc import Mapping

from keepwell.core.errors import AccessError, NotThere
from keepwell.plugins.collector import READ_BYTES
from keepwell.transport.recorded.tape import TapeFile


class MadeSight:
    """`files` are contents by path, `links` targets, `refused` errors; all may be changed between looks.

    Folders are what the paths imply. `asked` are the paths that were read, in order: what must not be touched is not
    among them.
    """

    def __init__(self, files: Mapping[str, str] | None = None, links: Mapping[str, str] | None = None) -> None:
        self.files = dict(files or {})
        self.links = dict(links or {})
        self.refused: dict[str, AccessError] = {}
        self.sizes: dict[str, tuple[int, int]] = {}
        self.watched: dict[int, str] = {}
        self.asked: list[str] = []

    def add_tape(self, files: Mapping[str, TapeFile | str]) -> None:
        """Files as made nodes have them."""
        for path, one in files.items():
            if isinstance(one, str):
                self.files[path] = one
            elif one.kind == "link":
                self.links[path] = one.target

    def read(self, path: str, *, max_bytes: int = READ_BYTES) -> bytes:
        """The beginning of a file."""
        self.asked.append(path)
        self._refuse(path)
        if path not in self.files:
            raise NotThere("no such file", where=path)
        return self.files[path].encode()[:max_bytes]

    def names(self, path: str) -> tuple[str, ...]:
        """Names in a folder."""
        self._refuse(path)
        begin = path.rstrip("/") + "/"
        found = {one[len(begin) :].partition("/")[0] for one in (*self.files, *self.links) if one.startswith(begin)}
        if not found:
            raise NotThere("no such folder", where=path)
        return tuple(sorted(found))

    def link(self, path: str) -> str:
        """Where a link points."""
        self._refuse(path)
        if path not in self.links:
            raise NotThere("no such link", where=path)
        return self.links[path]

    def size(self, path: str) -> tuple[int, int]:
        """Bytes of a file system: all, and free."""
        self._refuse(path)
        if path not in self.sizes:
            raise NotThere("no such file system", where=path)
        return self.sizes[path]

    def _refuse(self, path: str) -> None:
        if path in self.refused:
            raise self.refused[path]
