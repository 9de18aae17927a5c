"""The gateway's control side: what its data plane works by, and its operations."""
