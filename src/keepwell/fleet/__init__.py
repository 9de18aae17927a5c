"""The fleet as data: which nodes there are, and which engines ought to serve on them.

`build_inventory` merges what the owner declared with what was seen before; the declaration wins.
"""

from keepwell.fleet.inventory import Inventory, InventoryEngine, InventoryNode, build_inventory

__all__ = ["Inventory", "InventoryEngine", "InventoryNode", "build_inventory"]
