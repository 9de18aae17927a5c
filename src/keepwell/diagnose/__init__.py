"""Why is it wrong: known causes ranked by weight of evidence, with an "unknown" that always competes.

`catalogue` loads the issue files, `keepwell.scan` finds their signatures in logs, `weigh` and `rank` turn signature
hits and bad findings into hypotheses, `next_probe` picks the check that pays most, `advise` fills the fix.
`diagnosis.diagnose` puts it together; `batch` answers many pasted texts in one go.
"""
