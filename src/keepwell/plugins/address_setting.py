"""A capability of engines: one setting holds the address, so that keepwell can give them another port."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from keepwell.core.observation import Missing


@runtime_checkable
class HasAddressSetting(Protocol):
    """An engine whose address stands in one environment variable, `address_setting`."""

    address_setting: str

    def with_port(self, value: str, port: int) -> str | Missing:
        """The value of the setting with another port, its host and scheme kept; "" is what holds where nothing is set.

        Missing where the value cannot be read. Pure.
        """
        ...
