"""Known services of a homelab, one file each, ending in `SERVICE: ServiceKind` (see `keepwell.plugins.services`)."""
