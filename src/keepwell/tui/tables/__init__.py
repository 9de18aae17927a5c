"""One file a table: rows of an overview. Pure; each gives a `Table` of `keepwell.tui.cells`."""
