"""What is written of a cluster, and what Ray says."""

from __future__ import annotations

import pytest

from keepwell.batch.ray_aim import explain, name_apart, parse_aim
from keepwell.batch.ray_node import Node
from keepwell.core.errors import ConfigurationError, Unreachable


@pytest.mark.parametrize(
    ("written", "resource", "address", "host", "port", "wanted"),
    [
        ("ray://head", "", "ray://head:10001", "head", 10001, {}),
        ("ray://10.0.0.1:20001", "engine", "ray://10.0.0.1:20001", "10.0.0.1", 20001, {"engine": 1.0}),
        ("ray://auto", "gpu-box=0.5", "ray://auto", "", 0, {"gpu-box": 0.5}),
        ("ray://[fd00::1]:10001/", "", "ray://[fd00::1]:10001", "fd00::1", 10001, {}),
    ],
)
def test_a_cluster_is_named(
    written: str, resource: str, address: str, host: str, port: int, wanted: dict[str, float]
) -> None:
    aim = parse_aim(written, resource)
    assert (aim.address, aim.host, aim.port, aim.wanted) == (address, host, port, wanted)


@pytest.mark.parametrize(
    ("written", "resource"),
    [
        ("head:10001", ""),
        ("http://head", ""),
        ("ray://", ""),
        ("ray://head:x", ""),
        ("ray://head/x", ""),
        ("ray://head?x=1", ""),
        ("ray://head", "=1"),
        ("ray://head", "engine=many"),
        ("ray://head", "engine=0"),
        ("ray://head", "engine=nan"),
    ],
)
def test_what_names_none_is_told(written: str, resource: str) -> None:
    with pytest.raises(ConfigurationError):
        parse_aim(written, resource)


def test_nodes_of_one_name_are_told_apart() -> None:
    nodes = [Node(id=f"{name}12345678", address=f"10.0.0.{name}", name=said) for name, said in ("1a", "2a", "3b")]
    assert [one.name for one in name_apart(nodes)] == ["a/112345", "a/212345", "b"]
    assert name_apart([Node(id="x", address="10.0.0.9", name="")])[0].name == "10.0.0.9"


def test_what_ray_says_is_told_with_what_to_do() -> None:
    other = explain("Version mismatch: The cluster was started with:\n    Ray: 2.51\n    Python: 3.12", "ray://head")
    assert isinstance(other, ConfigurationError)
    assert "The cluster was started with: Ray: 2.51 Python: 3.12" in other.what
    trace = (
        "Initialization failure from server:\nTraceback (most recent call last):\n  File x\nValueError: \x1b[31mno\n"
    )
    failed = explain(trace, "ray://head")
    assert isinstance(failed, Unreachable)
    assert failed.what == "Ray: Initialization failure from server: ValueError: \\x1b[31mno"
    assert failed.hint.startswith("has the cluster the release of Ray")
    assert explain("", "ray://head").what == "Ray: "
