"""What is done with recorded nodes: their tapes are redacted, and two of them are compared. Pure."""
