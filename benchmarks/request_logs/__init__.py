"""Parts of benchmarks/request_log.py."""
