"""Parts of `benchmarks/gateway.py`: a fake engine, a client, the gateways that are compared, and what is measured."""
