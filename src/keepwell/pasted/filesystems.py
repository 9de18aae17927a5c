"""df, mount, /etc/fstab: the file systems as a probe would have seen them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from keepwell.core.observation import Value
from keepwell.formats.filesystems import Shown, block_factor, is_df_head, parse_df_line, parse_mount_line
from keepwell.formats.transcript import Line, Transcript
from keepwell.plugins.pasted import Told


class FileSystems:
    """Gives host.mounts."""

    hints = ("%", " type ", "0\t0", "0 0", "0       0")
    gives = ("host.mounts",)

    def read(self, text: Transcript) -> Iterable[Told]:
        """Every file system that is shown, sizes from df and options from mount put together by path."""
        shown: dict[str, dict[str, Value]] = {}
        lines: list[int] = []
        for line, one in _find(text.lines):
            lines.append(line.number)
            row: dict[str, Value] = {"path": one.path, "device": one.device}
            if one.kind:
                row["kind"] = one.kind
            if one.options:
                row |= {"options": one.options, "read_only": "ro" in one.options}
            if one.total_bytes >= 0:
                row |= {"total_bytes": one.total_bytes, "free_bytes": one.free_bytes}
            shown[one.path] = row | shown.get(one.path, {})
        if shown:
            yield Told(name="host.mounts", value=tuple(shown.values()), lines=tuple(lines))


def _find(lines: Iterable[Line]) -> Iterator[tuple[Line, Shown]]:
    factor = 0
    for line in lines:
        if is_df_head(line.text):
            factor = block_factor(line.text)
            continue
        one = parse_mount_line(line.text) or (parse_df_line(line.text, factor or 1024))
        if one is not None and not one.virtual:
            yield line, one


PASTED = FileSystems()
