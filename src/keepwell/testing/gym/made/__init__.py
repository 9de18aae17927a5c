"""Made nodes: machines in memory that answer every probe as a real one does, and whose state a fault changes.

`state` is what a machine is, `render` what it then shows as files, commands and addresses, `node` plays it, `profiles`
are machines on which nothing is wrong, `world` is one of them for a trial.
"""
