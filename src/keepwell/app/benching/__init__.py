"""`keepwell bench`: finds what is measured, sends the load, and reports; what was measured is kept."""
