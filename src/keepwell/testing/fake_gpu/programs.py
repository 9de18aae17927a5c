"""Stand-in programs as files that can be run: nvidia-smi, found by a path that begins with their folder."""

from __future__ import annotations

import sys
from pathlib import Path

#: Program: the module that plays it.
MODULES = {"nvidia-smi": "keepwell.testing.fake_gpu.nvidia_smi"}


def write_programs(folder: Path) -> dict[str, Path]:
    """Write each program into a folder; its path by its name."""
    folder.mkdir(parents=True, exist_ok=True)
    found = {}
    for name, module in MODULES.items():
        path = folder / name
        path.write_text(f"#!{sys.executable}\nfrom {module} import main\n\nraise SystemExit(main())\n")
        path.chmod(0o755)
        found[name] = path
    return found
