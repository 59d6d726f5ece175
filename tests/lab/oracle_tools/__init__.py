"""A synthetic Oracle at the command line: `sqlplus`, `rman`, `expdp`, `impdp`, `ps` and `uname` in the `bin`
of an ORACLE_HOME, over datafiles that are SQLite's. It is NOT Oracle and proves nothing of Oracle's own
behaviour: what it prints follows the shapes that the project's sheet of Oracle facts gives. What it can show
is that this project takes, carries off, brings back, validates, restores, compares and cleans up, and notices
what is wrong: pieces carry real checksums, incremental backups real blocks, archived logs real changes.

`Source` and `Home` (made.py) make databases and homes; a file `faults` in a home, one word a line, makes its
tools fail.
"""
