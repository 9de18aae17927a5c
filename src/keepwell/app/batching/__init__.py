"""`keepwell batch`: from what was typed to a job, its run, and what is told of it."""
