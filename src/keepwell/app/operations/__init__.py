"""One noun a file; each ends in `OPERATIONS`, and nothing else lists them."""
