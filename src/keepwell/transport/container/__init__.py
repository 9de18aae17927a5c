"""Into a container: its own root, network and processes, on top of any other way."""
