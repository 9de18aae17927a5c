"""keepwell.toml: what the owner declares, for all that discovery cannot see.

`load_config` finds, reads and checks the file and names every mistake at once; `Config` is the result.
Secrets stand in it by reference only and are read by `load_secret` when they are used.
"""

from keepwell.config.gateway_model import GatewayEntry, ReservationEntry, RouteEntry
from keepwell.config.load import find_config, load_config, parse_config
from keepwell.config.model import Config, DiagnoseOptions, EngineEntry, NodeEntry, Secret
from keepwell.config.problems import InvalidConfig
from keepwell.config.secret import load_secret

__all__ = [
    "Config",
    "DiagnoseOptions",
    "EngineEntry",
    "GatewayEntry",
    "InvalidConfig",
    "NodeEntry",
    "ReservationEntry",
    "RouteEntry",
    "Secret",
    "find_config",
    "load_config",
    "load_secret",
    "parse_config",
]
