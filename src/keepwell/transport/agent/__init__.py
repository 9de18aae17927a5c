"""The agent: the far end behind TLS, a pinned certificate and a token."""
