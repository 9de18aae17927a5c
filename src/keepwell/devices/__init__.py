"""Device plug-ins: one package a vendor of GPUs and NPUs, each ends in `DEVICE` (see `keepwell.plugins.device`)."""
