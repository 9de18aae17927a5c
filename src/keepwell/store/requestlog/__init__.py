"""The log of requests in files: one SQLite file a month, lean rows, and a sketch of every latency for each hour."""
