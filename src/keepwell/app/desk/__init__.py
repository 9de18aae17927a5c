"""The desk: a process beside the gateway where clients leave files and batches, and fetch what came of them."""
