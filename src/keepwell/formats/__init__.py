"""What kernels, service managers and files write, parsed: pure functions that several probes share."""
