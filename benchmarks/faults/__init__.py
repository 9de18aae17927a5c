"""What `benchmarks/gateway_faults.py` breaks, and the clients that count."""
