"""Keep everything below a folder from those who have no business there: owners, and no more rights than are wished.

Nothing in it is open for all to write, nothing runs with its owner's rights unless it is named, and files with secrets
are closed to others. Links are not followed, other file systems not entered, and a file with a name outside is left.
"""

from __future__ import annotations

from keepwell.steps.permissions.step import Permissions

STEP = Permissions()
