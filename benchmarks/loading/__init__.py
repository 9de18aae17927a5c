"""What sends load in `load_clients.py`, and what it is sent to."""
