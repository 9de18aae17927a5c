"""Ray's words: parts of answers of a real cluster of two nodes (2.60), and texts that are none."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.formats.ray import (
    parse_groups,
    parse_nodes,
    parse_promises,
    parse_ray_status,
    parse_raylet,
    parse_release,
    parse_status_answer,
)

STATUS = """======== Autoscaler status: 2026-11-22 06:20:56.580061 ========
Node status
---------------------------------------------------------------
Active:
 1 node_c4d6722de35a80440cf8e9c76da70b34ab0221765b893ceb6bf74aa9
 1 node_dd15c2c040139f49d87556a44375fa35d40a3d7a05389d9ed9c91a66
Pending:
 (no pending nodes)
Recent failures:
 (no failures)

Resources
---------------------------------------------------------------
Total Usage:
 0.0/2.0 CPU
 0.0/3.0 GPU (0.0 used of 2.0 reserved in placement groups)
 0B/45.81GiB memory
 0B/190.73MiB object_store_memory

From request_resources:
 (none)
Pending Demands:
 {'CPU': 1.0, 'GPU': 5.0}: 1+ pending tasks/actors
 {'CPU': 1.0, 'GPU': 1.0} * 4 (PACK): 1+ pending placement groups
"""
OF_A_NODE = """
Node: dd15c2c040139f49d87556a44375fa35d40a3d7a05389d9ed9c91a66 (node_dd15)
 Usage:
  0.0/1.0 CPU
"""
ARGV = (
    "/opt/v/lib/python3.11/site-packages/ray/core/src/ray/raylet/raylet",
    "--node_ip_address=192.0.2.2",
    "--static_resource_list=node:192.0.2.2,1.0,node:__internal_head__,1.0,CPU,1,GPU,2,memory,24683962112",
    "--python_worker_command=/opt/v/bin/python3 /opt/setup_worker.py --webui=127.0.0.1:8265",
    "--plasma_directory=/dev/shm",
    "--gcs-address=192.0.2.2:6399",
)


@pytest.mark.parametrize("text", [STATUS, STATUS + OF_A_NODE])
def test_the_text_of_ray_status(text: str) -> None:
    found = parse_ray_status(text)
    assert (found.active, found.pending, found.failed) == (2, 0, 0)
    assert found.totals["GPU"] == (0.0, 3.0)
    assert found.totals["CPU"] == (0.0, 2.0)
    assert found.totals["memory"][1] == pytest.approx(45.81 * 2**30)
    assert [(one.kind, one.bundles, one.wants["GPU"]) for one in found.demands] == [
        ("task", 1, 5.0),
        ("placement group", 4, 1.0),
    ]


def test_the_dashboards_answer_holds_the_same_text() -> None:
    body = json.dumps({"result": True, "data": {"clusterStatus": STATUS}}).encode()
    assert parse_status_answer(body) == parse_ray_status(STATUS)


def test_the_command_line_of_a_daemon() -> None:
    found = parse_raylet(ARGV)
    assert found is not None
    assert (found.address, found.gcs_address, found.dashboard) == ("192.0.2.2", "192.0.2.2:6399", "127.0.0.1:8265")
    assert (found.head, found.python, found.object_folder) == (True, "3.11", "/dev/shm")
    assert found.package == "/opt/v/lib/python3.11/site-packages/ray"
    assert found.promised["GPU"] == 2.0


@pytest.mark.parametrize("argv", [(), ("raylet",), ("/bin/sh", "-c", "raylet"), ("grep", "raylet")])
def test_other_programs(argv: tuple[str, ...]) -> None:
    assert parse_raylet(argv) is None


def test_the_release() -> None:
    assert parse_release('# Replaced with the current commit.\nversion = "2.60.0"\ncommit = "b7f4"\n') == "2.60.0"
    assert parse_release("nothing") == ""


def test_groups_that_wait() -> None:
    bundle = {"unit_resources": {"GPU": 1.0, "CPU": 1.0}, "node_id": ""}
    rows = [
        {"name": "fits", "state": "CREATED", "bundles": [bundle], "stats": {"scheduling_state": "FINISHED"}},
        {"name": "tp4", "state": "PENDING", "bundles": [bundle] * 4, "stats": {"scheduling_state": "NO_RESOURCES"}},
    ]
    (found,) = parse_groups(json.dumps({"data": {"result": {"result": rows}}}).encode())
    assert (found.name, found.bundles, found.wants["GPU"], found.state) == ("tp4", 4, 1.0, "NO_RESOURCES")


anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["data", "summary", "result", "raylet",
                                                                                  "bundles", "stats"]), inner),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=60)
@given(anything)
def test_no_json_breaks_a_parser(value: object) -> None:
    body = json.dumps(value).encode()
    parse_nodes(body)
    parse_groups(body)
    parse_status_answer(body)


@settings(max_examples=60)
@given(st.text(max_size=60), st.binary(max_size=40))
def test_no_text_breaks_a_parser(text: str, body: bytes) -> None:
    parse_ray_status(f"Total Usage:\n {text}\nPending Demands:\n {text}")
    parse_promises(text)
    parse_raylet(("raylet", f"--static_resource_list={text}", text))
    parse_nodes(body)
    parse_groups(body)
