"""Who gets a request, decided without I/O and without a clock."""
