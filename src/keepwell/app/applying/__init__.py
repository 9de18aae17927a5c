"""Plans carried out and taken back, on any node: traffic around engines, runs one after the other, their runbooks."""
