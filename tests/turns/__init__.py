"""Device time: decided, written down, asked for."""
