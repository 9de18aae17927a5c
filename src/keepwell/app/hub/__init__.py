"""The hub: one process beside the gateway that collects, keeps, judges and tells."""
