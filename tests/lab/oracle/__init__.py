"""A stand-in Oracle, spoken to over the wire by the unmodified driver. SYNTHETIC, all of it: the protocol
was learnt from the client's side, the columns stand in Oracle's books (`dictionary/*.toml`), rows and
behaviour are made up. No Oracle was ever seen by it.

    with standing("19c", "primary", "single", cdb=True) as oracle:    # healthy
        oracle.seed("DELETE FROM dba_free_space WHERE tablespace_name = ?", "USERS")
        …  # connect to 127.0.0.1, oracle.port, service ORCL, as oracle.user with PASSWORD

Versions 11.2 (thin clients give up at it), 12.1, 12.2, 18c, 19c; forms single, rac (gv$ has two instances,
the one port is its SCAN) and dataguard; `role="standby"` is Active Data Guard, `mounted=True` one that only
an administrator gets into; `dataguard(version)` gives both sides. Whole inspections of them: `target.py`;
many in a process of their own: `fleet.py`.

Faults: `seed` (SQL with `?` over dba_, cdb_, v$ or gv$ names, in the functions of `dialect.py`), `rule` (what
single statements get: a Result with a delay or a cut, an OraError, Cut, Deaf), `locked`, `starting`,
`dictionary.denied` (views that were not granted), `db.hangs_at` and `db.dribbles` (`database.FakeDb`).
Dates are kept as days (`dialect.days`); a datetime given to `seed` is turned into one.

Every version speaks the wire of 19c; only its number and its dictionary differ.
"""
