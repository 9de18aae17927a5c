"""Over SSH: connections that are shared, host keys that are known beforehand, one far end at the end of each line."""
