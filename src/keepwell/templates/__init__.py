"""Groups log lines by their shape, as they come, and tells which shapes are new or newly frequent."""
