"""Web pages on the hub's port: made on the server, live where a browser runs our script, whole where it does not.

Each page is a file in `pages`, found by its name; `keepwell.web.page` says what it ends in. `Web` is the face.
"""
