"""What an engine needs of a machine before it is installed: said by its plug-in, judged by the checks of readiness."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias, runtime_checkable

GIB = 1024**3
#: Whether it cannot do without a GPU, or is only slow.
GpuNeed: TypeAlias = Literal["needed", "helps"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prerequisites:
    """The least for a model of seven billion parameters, which is where people begin.

    `account` is what its service account is usually called; `disk_bytes` is the program, or its image, and one model;
    `memory_bytes` is main memory; `api` is the oldest release of a compute toolkit's API (by the toolkit's name, as in
    `device.ContainerRights`) that its present builds work with, {} where its makers do not say.
    """

    account: str
    memory_bytes: int
    disk_bytes: int
    gpu: GpuNeed
    api: Mapping[str, str] = field(default_factory=dict)


#: Where no engine is named: the least of any.
ANY = Prerequisites(account="", memory_bytes=8 * GIB, disk_bytes=10 * GIB, gpu="helps")


@runtime_checkable
class HasPrerequisites(Protocol):
    """An engine that says what it needs."""

    prerequisites: Prerequisites
