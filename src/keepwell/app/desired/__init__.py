"""Desired state over nodes: what is wished of each, what differs, what to plan, and whether it is so afterwards."""
