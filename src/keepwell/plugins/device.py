"""The contract of a device plug-in: a file in `devices/` that ends in `DEVICE: Device`, plus small capabilities.

A plug-in knows one vendor: its numbers on the bus, kernel modules, device nodes, environment variables,
versions, readings and error lines. Probes hand it what was read once for all (`Ground`) and never name it.
Whatever could wake a sleeping device (`KnowsRuntime`, `Reads`) is asked only while all its devices are awake.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias, runtime_checkable

from keepwell.core.observation import Missing, Value
from keepwell.transport.base import Transport

#: "paravirtual" is a GPU that a host lends through a channel of its own (WSL); "soc" is part of the chip.
DeviceKind: TypeAlias = Literal["discrete", "integrated", "npu", "paravirtual", "soc"]
Severity: TypeAlias = Literal["critical", "warning", "note"]

#: `power/runtime_status` values in which touching a device would wake it.
ASLEEP = frozenset({"suspended", "suspending"})


@dataclass(frozen=True, slots=True, kw_only=True)
class BusDevice:
    """A GPU or NPU as the bus shows it, without waking it.

    `pci` is the full address ("0000:01:00.0"), or a word where it is not on PCI; `id` is "vendor:device" in
    hex; `driver` is the bound kernel driver, "" for none; `power` is its runtime_status, "" if not told.
    """

    pci: str
    vendor: str
    id: str = ""
    name: str = ""
    driver: str = ""
    power: str = ""
    kind: DeviceKind = "discrete"

    @property
    def asleep(self) -> bool:
        """True while touching it would wake it."""
        return self.power in ASLEEP


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """An environment variable that chooses devices.

    `hiding` are values that hide every device ("" is the empty value); `by_index` says that its words are
    device numbers, so that a first word at or above the count hides all; `by_uuid` that they may be uuids.
    """

    name: str
    hiding: tuple[str, ...] = ()
    by_index: bool = False
    by_uuid: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRule:
    """Device nodes that devices of these `kinds` need for computing.

    Names in `folder` that match `pattern` whole; `example` is the usual path. `drivers` are names under which
    /proc/devices lists the major number, any of them (() if the number is not checked). One that is not
    `required` is only looked at.
    """

    folder: str
    pattern: str
    example: str
    drivers: tuple[str, ...] = ()
    kinds: tuple[DeviceKind, ...] = ("discrete", "integrated")
    required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What was read once for every plug-in: running kernel, loaded modules, module files for that kernel.

    `modules` maps a loaded module to its version ("" if it has none); `module_files` are the paths that
    modules.dep names for the running kernel; `libraries` are paths that the dynamic loader knows.
    """

    kernel: str = ""
    modules: Mapping[str, str] = field(default_factory=dict)
    module_files: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Driver:
    """A vendor's driver as loaded and as installed; "" and () mean looked and not there.

    `module` and `library` are the versions of the loaded kernel module and of the user-space library that the
    loader would pick (`libraries`: each path with its version); `api` is the newest compute API that the driver
    supports; `flavour` is open or proprietary; `module_file` is the module's file for the running kernel;
    `built_for` are kernels that DKMS built it for; `rivals` are loaded modules that keep the device from this
    driver. `problem` is a sentence when the plug-in itself sees that the parts do not fit.
    """

    module: str = ""
    library: str = ""
    libraries: Mapping[str, str] = field(default_factory=dict)
    api: str = ""
    flavour: str = ""
    loaded: tuple[str, ...] = ()
    rivals: tuple[str, ...] = ()
    module_file: str = ""
    built_for: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeState:
    """What initialising the compute runtime in a child process gave: code 0 is success; `name` is the code's
    name; `version` is the newest API that the driver supports; `seconds` is what it took.
    """

    code: int
    name: str
    devices: int = 0
    version: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bandwidth:
    """How fast a device's memory can be read, in bytes per second, and who says so."""

    bytes_per_second: float
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one device reports, by names of observations. `pci` ties it to the bus ("" when it does not tell)."""

    pci: str
    values: Mapping[str, Value | Missing]
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceError:
    """An error line of the kernel log: a code, what it means and what to do.

    `kind` is the family of codes (xid, sxid, driver, module); `echo` says that it only tells of another error,
    which is named elsewhere in the log; `lasting` is True when only a reset or a reboot ends it;
    `action` is what to do now, `again` when it comes again.
    """

    kind: str
    code: str
    name: str = ""
    meaning: str = ""
    action: str = ""
    again: str = ""
    severity: Severity = "warning"
    lasting: bool = False
    echo: bool = False
    pci: str = ""
    pid: str = ""
    program: str = ""


@runtime_checkable
class Device(Protocol):
    """What every vendor has.

    `title` is its proper name; devices of a lower `rank` get lower numbers; `pci_vendors` are its vendor
    numbers (lower-case hex); `drivers` are kernel drivers with which its devices can compute; `nodes` what must
    be under /dev; `selectors` the variables that choose or hide devices; `packages` are prefixes of the
    packages that hold its driver and container support.
    """

    title: str
    rank: int
    pci_vendors: tuple[str, ...]
    drivers: tuple[str, ...]
    nodes: tuple[NodeRule, ...]
    selectors: tuple[Selector, ...]
    packages: tuple[str, ...]

    def kind(self, pci: str, pci_class: str) -> DeviceKind:
        """What kind of device this address and class ("0x030000") are, pure."""
        ...


@runtime_checkable
class FindsDevices(Protocol):
    """A vendor whose devices are not all on the PCI bus."""

    async def find(self, transport: Transport) -> tuple[BusDevice, ...]:
        """Devices elsewhere (chip, paravirtual channel), cheap and without waking anything."""
        ...


@runtime_checkable
class KnowsDriver(Protocol):
    """A vendor whose driver has versions that must fit together."""

    async def driver(self, ground: Ground, transport: Transport) -> Driver:
        """What is loaded and installed, from files alone."""
        ...


@runtime_checkable
class KnowsRuntime(Protocol):
    """A vendor whose compute runtime can be initialised in a child process."""

    async def initialise(self, transport: Transport) -> RuntimeState | Missing:
        """Initialise and let go; a hang ends at a time limit."""
        ...


@runtime_checkable
class Reads(Protocol):
    """A vendor whose devices report readings."""

    async def readings(self, devices: tuple[BusDevice, ...], transport: Transport) -> tuple[Reading, ...] | Missing:
        """What the devices report now; fields that one lacks are Missing with the vendor's own reason."""
        ...


@runtime_checkable
class KnowsErrors(Protocol):
    """A vendor whose driver writes known lines into the kernel log."""

    def parse_error(self, line: str) -> DeviceError | None:
        """The error that a kernel line tells of, or None."""
        ...


@runtime_checkable
class KnowsDemands(Protocol):
    """A vendor whose images say in their environment which compute API they were made for."""

    def wanted_api(self, environment: Mapping[str, str]) -> str:
        """The release that a container with this environment wants ("12.8"), pure; "" where it does not say."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerRights:
    """What a container must be given to compute on a vendor's devices: the container engine's device driver, or device
    nodes and groups. `toolkit` is the compute toolkit that images are made for (cuda, rocm, oneapi); `tool` the program
    that must be installed on the node beside the driver, "" where none must.
    """

    toolkit: str
    driver: str = ""
    nodes: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    tool: str = ""


@runtime_checkable
class GoesIntoContainers(Protocol):
    """A vendor whose devices can be given to containers."""

    container_rights: ContainerRights


@runtime_checkable
class KnowsBandwidth(Protocol):
    """A vendor whose devices' memory bandwidth is known by their names."""

    def bandwidth(self, name: str) -> Bandwidth | None:
        """What the maker states for the device of this name, pure; None when it is not known."""
        ...
