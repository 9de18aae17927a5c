"""The terminal face: `keepwell top`, the fleet on a live screen.

`tables` make rows of an overview (pure); `pane` draws rows and sends the terminal only cells that changed; `app` puts
panes, keys and dialogs together. What changes anything is an operation, behind a dialog.
"""
