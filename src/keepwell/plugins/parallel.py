"""The contract of an engine that splits a model over GPUs or nodes, and the variables that choose its networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from keepwell.plugins.place import Site

#: Variables that choose an interface by name, for the collective libraries (NCCL's user guide, "Environment
#: variables"; Gloo's and TensorPipe's in PyTorch's distributed documentation; UCX's `ucx_info -c`).
INTERFACE_VARIABLES = ("NCCL_SOCKET_IFNAME", "GLOO_SOCKET_IFNAME", "TP_SOCKET_IFNAME", "UCX_NET_DEVICES")
#: Further ones that decide how ranks talk, shown beside them.
OTHER_VARIABLES = (
    "MASTER_ADDR", "NCCL_IB_HCA", "NCCL_IB_DISABLE", "NCCL_IB_GID_INDEX", "NCCL_NET", "NCCL_P2P_DISABLE",
    "NCCL_P2P_LEVEL", "NCCL_SHM_DISABLE", "NCCL_SOCKET_FAMILY", "RAY_ADDRESS",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranks:
    """GPUs that share each layer, that share the layers, copies of the model; and what starts their processes."""

    tensor: int = 1
    pipeline: int = 1
    data: int = 1
    executor: str = ""

    @property
    def world(self) -> int:
        """GPUs in all."""
        return self.tensor * self.pipeline * self.data


@runtime_checkable
class SplitsModel(Protocol):
    """An engine that can split a model over GPUs; `address_variables` give the node's own address to other ranks."""

    address_variables: tuple[str, ...]

    def ranks(self, argv: Sequence[str], environment: Mapping[str, str]) -> Ranks:
        """How a server with this command line splits its model; a malformed number counts as 1."""
        ...

    def model_settings(self, site: Site) -> str:
        """The path of the model's own configuration (config.json); "" where it has none or is not known."""
        ...
