"""The corpus: files of every kind, right ones and wrong ones, each wrong one named by its mistake.

`KIND/[MAKER/]MISTAKE--WHAT.ext`; without a maker the node has two GPUs of NVIDIA.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from keepwell.plugins.container_gpu.ground import FileKind, Ground, file_kind
from tests.container_gpu.kit import make_ground

FOLDER = Path(__file__).parent / "corpus"


@dataclass(frozen=True)
class Sample:
    """One file of the corpus."""

    path: Path
    kind: FileKind
    maker: str

    @property
    def name(self) -> str:
        """Its path in the corpus."""
        return str(self.path.relative_to(FOLDER))

    @property
    def mistake(self) -> str:
        """The mistake's kind; "right" for none."""
        return self.path.name.partition("--")[0]

    @property
    def text(self) -> str:
        """What stands in it."""
        return self.path.read_bytes().decode()

    @property
    def ground(self) -> Ground:
        """The node that it is for; its specifications describe the maker's devices."""
        release = {True: "8.2.4", False: ""}["key" in self.path.name]
        runtimes = "runc nvidia" if self.mistake == "right" else "runc"
        return make_ground(self.maker, release=release, kinds=frozenset({f"{self.maker}.com/gpu"}), runtimes=runtimes)


def load_corpus() -> list[Sample]:
    """Every file."""
    found = []
    for path in sorted(one for one in FOLDER.rglob("*") if one.is_file()):
        parts = path.relative_to(FOLDER).parts
        kind = file_kind(parts[0])
        assert kind is not None, path
        found.append(Sample(path, kind, (*parts[1:-1], "nvidia")[0]))
    return found
