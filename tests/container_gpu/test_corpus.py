"""Every file of the corpus: wrong ones are told by name and line, and set right as an independent reader sees it."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
import yaml

from keepwell.plugins.container_gpu.lint import find_mistakes, mend
from tests.container_gpu.corpus import Sample, load_corpus

CORPUS = load_corpus()
ALL = {"driver": "nvidia", "count": "all", "capabilities": ["gpu"]}
BOTH = {"driver": "nvidia", "device_ids": ["0", "1"], "capabilities": ["gpu"]}
NODES = {"devices": ["/dev/kfd:/dev/kfd", "/dev/dri:/dev/dri"], "group_add": ["105"]}
SHARES = {"gpus": "all"}
#: What the service says of GPUs once the file is set right; files that no machine can set right are not here.
COMPOSE: dict[str, dict[str, Any]] = {
    "not-requested--plain": {"reserved": [ALL]},
    "not-requested--limits-only": {"reserved": [ALL]},
    "not-requested--inline": {"reserved": [ALL]},
    "not-requested--crlf": {"reserved": [ALL]},
    "not-requested--four-blanks": {"reserved": [ALL]},
    "no-capabilities--missing": {"reserved": [ALL]},
    "no-capabilities--empty": {"reserved": [{"driver": "nvidia", "capabilities": ["gpu"]}]},
    "capabilities-no-list--word": {"reserved": [ALL]},
    "part--utility-only": {"reserved": [{**ALL, "capabilities": ["gpu", "utility", "compute"]}]},
    "part--variable": {**SHARES, "variables": {"NVIDIA_DRIVER_CAPABILITIES": "utility,compute"}},
    "part--variable-mapping": {**SHARES, "variables": {"NVIDIA_DRIVER_CAPABILITIES": "graphics,video,compute,utility"}},
    "count-and-ids--both": {"reserved": [{**BOTH, "device_ids": ["0"]}]},
    "count--word": {"reserved": [ALL]},
    "count--none": {"reserved": [ALL]},
    "too-many--eight": {"reserved": [ALL]},
    "ids-no-texts--number": {"reserved": [BOTH]},
    "ids-no-list--word": {"reserved": [BOTH]},
    "no-list--mapping": {"reserved": [ALL]},
    "no-names--cdi": {"reserved": [{"driver": "cdi", "device_ids": ["nvidia.com/gpu=all"], "capabilities": ["gpu"]}]},
    "misplaced--resources": {"reserved": [ALL]},
    "misplaced--below-deploy": {"reserved": [ALL]},
    "misplaced--limits": {"reserved": [ALL]},
    "misplaced--devices": {"reserved": [ALL]},
    "syntax--tabs": SHARES,
    "gpus--number": {"gpus": [{"count": 1}]},
    "gpus--yes": SHARES,
    "runtime-unknown--all": {"reserved": [ALL], "variables": {"NVIDIA_VISIBLE_DEVICES": "all"}},
    "runtime-unknown--one": {
        "reserved": [{**BOTH, "device_ids": ["1"]}],
        "variables": {"NVIDIA_VISIBLE_DEVICES": "1"},
    },
    "hidden--list": SHARES,
    "shared-memory--two": {"reserved": [BOTH], "shm_size": "8gb"},
    "shared-memory--small": {**SHARES, "shm_size": "8gb"},
    "hidden--mapping": SHARES,
    "half--no-kfd": {"devices": ["/dev/dri:/dev/dri", "/dev/kfd:/dev/kfd"]},
    "half--no-dri": {"devices": ["/dev/kfd", "/dev/dri:/dev/dri"]},
    "no-group--user": {"devices": ["/dev/kfd", "/dev/dri"], "group_add": ["105"]},
    "amd/not-requested--plain": NODES,
    "intel/not-requested--plain": {"devices": ["/dev/dri:/dev/dri"], "group_add": ["105"]},
}
RUNTIME = {"nvidia": {"path": "nvidia-container-runtime", "args": []}}
DOCKER: dict[str, dict[str, Any]] = {
    "default-unknown--no-runtimes": {"default-runtime": "nvidia", "log-driver": "journald", "runtimes": RUNTIME},
    "default-unknown--tabs": {"runtimes": {"other": {"path": "other-runtime"}, **RUNTIME}, "default-runtime": "nvidia"},
    "runtime-path--missing": {"runtimes": RUNTIME},
    "specifications-off--cdi": {"features": {"cdi": True}},
    "syntax--comma": {"runtimes": RUNTIME},
}
MOUNT = "lxc.mount.entry: /dev/nvidia-uvm dev/nvidia-uvm none bind,optional,create=file"
RULE, RULES = "lxc.cgroup2.devices.allow: c {}:* rwm", "lxc.cgroup.devices.allow: c {}:* rwm"
#: Lines that go and lines that come, of files that are lines.
LINES: dict[str, tuple[list[str], list[str]]] = {
    "podman/not-requested--plain": ([], ["AddDevice=nvidia.com/gpu=all"]),
    "podman/not-requested--crlf": ([], ["AddDevice=nvidia.com/gpu=all\r"]),
    "podman/docker-syntax--gpus": (["PodmanArgs=--gpus all"], ["AddDevice=nvidia.com/gpu=all"]),
    "podman/docker-syntax--with-more": (
        ["PodmanArgs=--shm-size=2g --gpus=all"],
        ["AddDevice=nvidia.com/gpu=all", "PodmanArgs=--shm-size=2g"],
    ),
    "podman/hidden--variable": (["Environment=NVIDIA_VISIBLE_DEVICES=none"], []),
    "lxc/wrong-major--after-update": ([RULE.format(511)], [RULE.format(508)]),
    "lxc/wrong-major--plain": ([RULE.format(243).replace(":", " =", 1)], [RULE.format(508).replace(":", " =", 1)]),
    "lxc/no-rule--uvm": ([], [RULE.format(508)]),
    "lxc/no-rule--read-only": ([], [RULE.format(508)]),
    "lxc/cgroup-v1--both": (
        [RULES.format(195), RULES.format(508)],
        [RULE.format(195), RULE.format(508)],
    ),
    "lxc/absolute-target--uvm": ([MOUNT.replace(" dev/", " /dev/")], [MOUNT]),
    "lxc/nothing-to-bind-to--no-create": ([MOUNT.removesuffix(",create=file")], [MOUNT]),
    "lxc/nothing-to-bind-to--folder": ([MOUNT.replace("=file", "=dir")], [MOUNT]),
    "lxc/half--no-uvm": ([], [MOUNT]),
    "lxc/half--key": ([], ["dev2: /dev/nvidia-uvm,mode=0666"]),
    "lxc/amd/wrong-major--kfd": ([RULE.format(510)], [RULE.format(235)]),
}
#: What only a person can set right: what was meant is not in the file.
BY_HAND = {
    "compose/indentation--deploy-beside.yaml",
    "compose/no-specification--other.yaml",
    "compose/no-such-device--third.yaml",
    "compose/syntax--indentation.yaml",
    "compose/syntax--no-services.yaml",
    "compose/syntax--twice.yaml",
    "docker/runtimes-shape--list.json",
    "docker/syntax--comment.json",
    "docker/syntax--list.json",
    "lxc/amd/nobodys--unprivileged.conf",
    "lxc/node-missing--third.conf",
    "podman/no-specification--kind.container",
    "podman/syntax--no-section.container",
}


def name_of(sample: Sample) -> str:
    return sample.name


def find(sample: Sample, text: str) -> list[str]:
    return [one.kind for one in find_mistakes(sample.kind, sample.name, text, sample.ground)]


def mended(sample: Sample) -> str:
    return mend(sample.kind, sample.name, sample.text, sample.ground)


def split(service: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a service says of GPUs, and everything else that it says, by PyYAML alone."""
    rest, said = copy.deepcopy(service), {}
    for key in ("gpus", "devices", "group_add", "shm_size"):
        if key in rest:
            said[key] = rest.pop(key)
    variables = rest.pop("environment", {})
    if isinstance(variables, list):
        variables = dict(one.split("=", 1) for one in variables)
    ours = {key: value for key, value in variables.items() if key.startswith(("NVIDIA_", "CUDA_"))}
    if ours:
        said["variables"] = ours
    rest["environment"] = {key: value for key, value in variables.items() if key not in ours}
    for key in ("runtime", "resources"):
        rest.pop(key, None)
    limits = rest.get("deploy", {}).get("resources", {}).get("limits", {})
    limits.pop("devices", None)
    reserved = rest.pop("deploy", {}).get("resources", {}).get("reservations", {}).get("devices")
    rest["limits"] = limits
    if reserved:
        said["reserved"] = reserved
    return said, rest


def test_the_corpus_is_of_every_kind_and_each_file_has_its_answer() -> None:
    assert len(CORPUS) >= 60
    wrong = [one for one in CORPUS if one.mistake != "right"]
    told = {one.path.stem for one in wrong if one.name not in BY_HAND}
    assert told == {key.rpartition("/")[2] for key in (*COMPOSE, *DOCKER, *LINES)}
    assert {one.kind for one in wrong} == {"compose", "docker", "podman", "lxc"}


@pytest.mark.parametrize("sample", CORPUS, ids=name_of)
def test_each_mistake_is_found_and_nothing_in_what_is_right(sample: Sample) -> None:
    found = find(sample, sample.text)
    if sample.mistake == "right":
        assert found == []
        assert mended(sample) == sample.text
    else:
        assert sample.mistake in found


@pytest.mark.parametrize("sample", [one for one in CORPUS if one.mistake != "right"], ids=name_of)
def test_what_is_mended_is_right_and_mended_once(sample: Sample) -> None:
    after = mended(sample)
    if sample.name in BY_HAND:
        assert after == sample.text
        return
    assert find(sample, after) == []
    assert mend(sample.kind, sample.name, after, sample.ground) == after
    assert ("\r\n" in after) == ("\r\n" in sample.text)


@pytest.mark.parametrize(
    "sample",
    [one for one in CORPUS if one.kind == "compose" and one.mistake != "right" and one.name not in BY_HAND],
    ids=name_of,
)
def test_a_compose_file_says_what_is_wished_and_all_else_as_before(sample: Sample) -> None:
    key = f"{sample.maker}/{sample.path.stem}"
    wished = COMPOSE.get(key, COMPOSE.get(sample.path.stem))
    after = yaml.safe_load(mended(sample))
    before = yaml.safe_load(sample.text.replace("\t", "  "))
    name = next(iter(before["services"]))
    said, rest = split(after["services"].pop(name))
    assert said == wished
    assert rest == split(before["services"].pop(name))[1]
    assert after == before
    comments = [line.partition("#")[2] for line in sample.text.splitlines() if "#" in line]
    gone = {"old way", "for a test"}  # said of what is not there any more
    assert all(one in mended(sample) for one in comments if one.strip() not in gone)


@pytest.mark.parametrize(
    "sample",
    [one for one in CORPUS if one.kind == "docker" and one.mistake != "right" and one.name not in BY_HAND],
    ids=name_of,
)
def test_a_daemons_settings_say_what_is_wished(sample: Sample) -> None:
    assert json.loads(mended(sample)) == DOCKER[sample.path.stem]


@pytest.mark.parametrize(
    "sample",
    [one for one in CORPUS if one.kind in ("podman", "lxc") and one.mistake != "right" and one.name not in BY_HAND],
    ids=name_of,
)
def test_of_lines_only_those_change_that_are_wrong(sample: Sample) -> None:
    gone, come = LINES[sample.name.rpartition(".")[0]]
    before, after = sample.text.split("\n"), mended(sample).split("\n")
    for line in gone:
        before.remove(line)
    for line in come:
        after.remove(line)
    assert after == before
