"""How fast secrets and people are masked in a log, beside `sed -E` and Python's `re` on the same bytes.

    python benchmarks/redact.py [--megabytes 100] [--seed 1] [--log FILE] [--every 200]

Makes a log of the lines that inference servers write (or takes FILE); one line in `--every` holds something to
mask. CPU seconds of one core are compared. `sed -E` gets ten expressions for the commonest secrets in one
program; `re` gets the patterns of all rules one after the other, as scanners of repositories do, on a small
part: all of it would take long. Prints MB/s (a megabyte is 10**6 bytes) and how many times as fast keepwell is.
"""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from keepwell.redact import RULES, Redactor
from scan import PROGRAM_BYTES, SHAPES, chunks, make_line, show

#: Bytes that the patterns one by one are given.
REGEX_BYTES = 2_000_000
#: Lines made once and then repeated in random order.
POOL_LINES = 5_000
#: Lines with something to mask, as servers, shells and unit files write them.
HOLDING = (
    "Environment=HF_TOKEN={token} HOME=/home/{name}",
    "loading /home/{name}/.cache/models/llama/model.gguf",
    "litellm: Authorization: Bearer {token}",
    "connecting to postgresql://app:{token}@db.lan:5432/litellm",
    "GPU-{uuid} selected for {name}@example.org",
    "peer {address}:443 closed the connection",
    "vllm serve model --api-key {token} --port 8000",
)
#: What a person would write who masks with sed.
EXPRESSIONS = (
    r"s/sk-[A-Za-z0-9_-]{16,}/<secret>/g",
    r"s/hf_[A-Za-z0-9]{16,}/<secret>/g",
    r"s/gh[pousr]_[A-Za-z0-9]{16,}/<secret>/g",
    r"s/AKIA[A-Z0-9]{16}/<secret>/g",
    r"s/(Bearer|Basic) [A-Za-z0-9._~+\/=-]{8,}/\1 <secret>/g",
    r"s/([a-z]+:\/\/)[^ \/@]+@/\1<secret>@/g",
    r"s/([Pp]assword|PASSWORD|[Tt]oken|TOKEN|api_key|API_KEY)([=:] ?)[^ ,;]{4,}/\1\2<secret>/g",
    r"s/[A-Za-z0-9._+-]+@[A-Za-z0-9-]+\.[A-Za-z.]+/<email>/g",
    r"s/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/<uuid>/g",
    r"s/\/home\/[a-z0-9_-]+/\/home\/<user>/g",
)


def main() -> int:
    """Make the log, mask it, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--every", type=int, default=200)
    parser.add_argument("--log", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        log = options.log
        if log is None:
            log = Path(folder) / "made.log"
            make_log(log, options.megabytes * 1_000_000, options.every, options.seed)
        compare(log, log.stat().st_size)
    return 0


def compare(log: Path, size: int) -> None:
    """Run each way and print the figures."""
    print(f"{size / 1e6:.0f} MB, {len(RULES)} rules")
    own = show("keepwell", size, lambda: f"{_mask(log, '')} masked")
    if shutil.which("sed"):
        argv = ["sed", "-E", *(word for one in EXPRESSIONS for word in ("-e", one)), str(log)]
        other = show("sed -E, 10 of them", size, lambda: _run(argv), runs=1)
        print(f"    keepwell is {own / other:.1f} times as fast")
    part = log.read_bytes()[:REGEX_BYTES]
    other = show(
        "re, one by one",
        len(part),
        lambda: str(sum(len(list(one.pattern.finditer(part))) for one in RULES)),
        runs=1,
    )
    print(f"    keepwell is {own / other:.0f} times as fast")


def _mask(log: Path, finder: str) -> int:
    redactor = Redactor(finder=finder)
    for _ in redactor.stream(chunks(log)):
        pass
    return sum(redactor.tokens.counts.values())


def _run(argv: list[str]) -> str:
    subprocess.run(argv, stdout=subprocess.DEVNULL, check=True, env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"})
    return ""


def make_log(path: Path, size: int, every: int, seed: int) -> None:
    """Write about `size` bytes of ordinary lines, one in `every` with something to mask."""
    rng = random.Random(seed)
    programs = [shape for share, shape in SHAPES for _ in range(share)]
    written = 0
    with path.open("wb") as file:
        while written < size:
            shape = rng.choice(programs)
            pool = [(make_line(rng, shape) + "\n").encode() for _ in range(POOL_LINES)]
            end = min(size, written + PROGRAM_BYTES)
            while written < end:
                lines = rng.choices(pool, k=every - 1)
                lines.append((_holding(rng) + "\n").encode())
                written += file.write(b"".join(lines))


def _holding(rng: random.Random) -> str:
    token = "hf_" + "".join(rng.choice("abcdefghijkmnpqrstuvwxyzABCDEFGH0123456789") for _ in range(34))
    uuid = "-".join(f"{rng.getrandbits(4 * count):0{count}x}" for count in (8, 4, 4, 4, 12))
    address = ".".join(str(rng.randrange(20, 99)) for _ in range(4))
    name = rng.choice(("mia", "bob", "carla"))
    return rng.choice(HOLDING).format(token=token, uuid=uuid, address=address, name=name)


if __name__ == "__main__":
    sys.exit(main())
