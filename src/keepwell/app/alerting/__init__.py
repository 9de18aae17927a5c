"""What the hub and the commands do about alerts; the decision itself is in `keepwell.alerts`."""
