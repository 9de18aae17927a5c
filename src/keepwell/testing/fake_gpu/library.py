"""The stand-in driver's libraries: compiled from `fake_gpu.c`, once for each set of functions that is left out."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

SOURCE = Path(__file__).resolve().parent / "fake_gpu.c"
NAMES = ("libnvidia-ml.so.1", "libcuda.so.1")
#: Compiling takes 0.3 s; a machine under load ten times that.
SECONDS = 60.0


def find_compiler() -> str:
    """The C compiler's path, "" if there is none."""
    return shutil.which("gcc") or shutil.which("cc") or ""


def build_libraries(cache: Path, without: tuple[str, ...] = ()) -> Path:
    """The folder with both libraries, for LD_LIBRARY_PATH; compiled at the first call for this source and set.

    `without` are functions that the library does not have, as an older driver's. Raises
    subprocess.CalledProcessError with the compiler's words, FileNotFoundError without a compiler.
    """
    text = SOURCE.read_bytes()
    digest = hashlib.sha256(text + "\n".join(sorted(without)).encode()).hexdigest()[:16]
    folder = cache / digest
    if folder.is_dir():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as made:
        _compile(Path(made), without)
        try:
            os.rename(made, folder)
        except OSError:
            if not folder.is_dir():
                raise
        else:
            Path(made).mkdir()
    return folder


def _compile(folder: Path, without: tuple[str, ...]) -> None:
    compiler = find_compiler()
    if not compiler:
        raise FileNotFoundError("there is no C compiler (gcc) to make the stand-in driver with")
    script = folder / "exports"
    script.write_text("{ local: " + "; ".join((*without, "nothing_else")) + "; };\n")
    for name in NAMES:
        argv = [compiler, "-O0", "-fPIC", "-shared", f"-Wl,-soname,{name}", f"-Wl,--version-script={script}"]
        argv += ["-o", str(folder / name), str(SOURCE)]
        subprocess.run(argv, check=True, capture_output=True, timeout=SECONDS)


def find_cache() -> Path:
    """Where compiled libraries are kept: below the user's cache folder."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "keepwell" / "fake-gpu"
