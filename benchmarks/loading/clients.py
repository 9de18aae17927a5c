"""Command lines of load clients, and what they say of their load."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Said:
    """What a client says."""

    answered: int
    first_mean_ms: float
    first_p99_ms: float
    gap_mean_ms: float
    limited: str = ""
    cpu_seconds: float = -1.0
    #: The most that it held, where it told; what is seen of it from outside is looked at ten times a second.
    memory_bytes: float = 0.0


@dataclass(frozen=True)
class Rate:
    """Requests a second, and tokens of each answer."""

    per_second: float
    tokens: int


#: A client's command line, of the server's address, the rate, the seconds and the folder for its output.
Command = Callable[[str, Rate, float, Path], list[str]]


def own_command(url: str, rate: Rate, seconds: float, folder: Path) -> list[str]:
    """keepwell's, as a program of its own."""
    program = str(Path(__file__).with_name("ours.py"))
    numbers = [str(rate.per_second), str(seconds), str(rate.tokens)]
    return [sys.executable, program, url, *numbers, str(folder / "said.json")]


def guidellm_command(program: Path, tokenizer: Path) -> Command:
    """GuideLLM with what it needs and nothing else."""

    def render(url: str, rate: Rate, seconds: float, folder: Path) -> list[str]:
        backend = f"kind=openai_http,target={url},model=stub,request_format=/v1/chat/completions"
        return [
            *(str(program), "run", "--backend", backend, "--profile", f"kind=constant,rate={rate.per_second:g}"),
            *("--constraint", f"kind=max_duration,seconds={seconds:g}"),
            *("--constraint", f"kind=max_requests,count={int(rate.per_second * seconds)}"),
            *("--data", f"kind=synthetic_text,prompt_tokens=16,output_tokens={rate.tokens}"),
            *("--tokenizer", f"kind=hf_auto,model={tokenizer}", "--disable-console-interactive"),
            *("--metrics", "kind=generative,sample_size=0", "--output", f"kind=json,path={folder}/said.json"),
        ]

    return render


def aiperf_command(program: Path, tokenizer: Path) -> Command:
    """AIPerf with what it needs and nothing else."""

    def render(url: str, rate: Rate, seconds: float, folder: Path) -> list[str]:
        return [
            *(str(program), "profile", "--model", "stub", "--url", url, "--endpoint-type", "chat", "--streaming"),
            *("--request-rate", f"{rate.per_second:g}", "--arrival-pattern", "constant"),
            *("--request-count", str(int(rate.per_second * seconds)), "--isl", "16", "--osl", str(rate.tokens)),
            *("--tokenizer", str(tokenizer), "--ui", "none", "--output-artifact-dir", str(folder)),
            *("--no-gpu-telemetry", "--no-server-metrics", "--export-level", "summary"),
        ]

    return render


def read_own(folder: Path) -> Said:
    """What keepwell said."""
    return Said(**json.loads((folder / "said.json").read_text(encoding="utf-8")))


def read_guidellm(folder: Path) -> Said:
    """What GuideLLM said."""
    metrics = json.loads((folder / "said.json").read_text(encoding="utf-8"))["benchmarks"][0]["metrics"]
    first = metrics["time_to_first_token_ms"]["successful"]
    return Said(
        answered=int(metrics["request_totals"]["successful"]),
        first_mean_ms=first["mean"],
        first_p99_ms=first["percentiles"]["p99"],
        gap_mean_ms=metrics["inter_token_latency_ms"]["successful"]["mean"],
    )


def read_aiperf(folder: Path) -> Said:
    """What AIPerf said."""
    said = json.loads(next(folder.glob("*aiperf.json")).read_text(encoding="utf-8"))
    first = said["time_to_first_token"]
    return Said(
        answered=int(said["request_count"]["avg"]),
        first_mean_ms=first["avg"],
        first_p99_ms=first["p99"],
        gap_mean_ms=said["inter_token_latency"]["avg"],
    )
