"""Where llama.cpp puts a model, from its own lines."""

from __future__ import annotations

from keepwell.formats.offload import parse_offloads

META = "llama_model_loader: loaded meta data with 3 key-value pairs and 2 tensors from {} (version GGUF V3 (latest))"
BUFFER = "load_tensors:   {} model buffer size =  {} MiB"


def test_layers_and_buffers() -> None:
    lines = [
        META.format("/m/a.gguf"),
        "load_tensors: offloaded 20/33 layers to GPU",
        BUFFER.format("CUDA0", "100.50"),
        BUFFER.format("CUDA1", "50"),
        BUFFER.format("CPU_Mapped", "10"),
        "llama_context:  CUDA_Host  output buffer size =     2.00 MiB",
    ]
    (found,) = parse_offloads(lines)
    assert (found.path, found.gpu_layers, found.layers) == ("/m/a.gguf", 20, 33)
    assert found.gpu_bytes == int(150.5 * 1024**2)
    assert found.host_bytes == 12 * 1024**2


def test_a_trial_before_the_load_does_not_count() -> None:
    lines = ["srv load_model: loading model '/m/a.gguf'"]
    for size in ("900", "100"):
        lines += [META.format("/m/a.gguf"), BUFFER.format("CUDA0", size)]
    (found,) = parse_offloads(lines)
    assert found.gpu_bytes == 100 * 1024**2


def test_two_loads_of_one_file_are_two() -> None:
    one = [
        'msg="starting llama-server" cmd="llama-server --model /m/a.gguf"',
        META.format("/m/a.gguf"),
        BUFFER.format("CUDA0", "1"),
    ]
    assert len(parse_offloads(one * 2)) == 2


def test_two_files_are_two_loads() -> None:
    lines = [META.format("/m/a.gguf"), BUFFER.format("CUDA0", "1"), META.format("/m/b.gguf"), BUFFER.format("CPU", "2")]
    assert [(one.path, one.gpu_bytes > 0) for one in parse_offloads(lines)] == [
        ("/m/a.gguf", True),
        ("/m/b.gguf", False),
    ]


def test_nothing_is_told_by_other_lines() -> None:
    assert parse_offloads([META.format("/m/a.gguf"), "hello"]) == ()
