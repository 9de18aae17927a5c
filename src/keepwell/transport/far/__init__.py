"""The far end of a connection: a file of calls that is sent there, and the client that asks it."""
