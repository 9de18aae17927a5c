"""`keepwell jobs`: begin, list, read, end and take up again long programs."""
