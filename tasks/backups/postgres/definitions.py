# ruff: noqa: S608 - put together from the constants here, never from what somebody says
"""How everything in a cluster is made, as text, with no number of an object in it: one statement a kind, each
giving (name, definition). `to_jsonb(…)` gives what a version of the server knows and NULL for the rest.
"""

from collections.abc import Mapping


def access(acl: str, kind: str, owner: str) -> str:
    """Grants in one order, the default written out: a restore may leave it away, or put it there."""
    granted = f"unnest(coalesce({acl}, acldefault('{kind}', {owner}))) AS g"
    return f"""(SELECT string_agg(g::text, ',' ORDER BY g::text COLLATE "C") FROM {granted})"""


def own(catalog: str, alias: str, schema: str = "") -> str:
    """Neither the server's nor an extension's."""
    words = f"""NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = '{catalog}'::regclass
        AND d.objid = {alias}.oid AND d.deptype = 'e')"""
    column = schema and f" AND {schema}.nspname !~ '^pg_' AND {schema}.nspname <> 'information_schema'"
    return words + (column or f" AND {alias}.oid >= 16384")


OWNER = "pg_get_userbyid({})".format
RELATION = "format('%I.%I', n.nspname, c.relname)"
JOINED = "pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace"
# 15.20 keeps a number of its own among a column's options, `pg_attver`: nobody sets it, no dump carries it.
COLUMNS = r"""(SELECT string_agg(ROW(a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
        pg_get_expr(f.adbin, f.adrelid), to_jsonb(a)->>'attidentity', to_jsonb(a)->>'attgenerated',
        to_jsonb(a)->>'attcompression', a.attstorage, a.attstattarget,
        (SELECT array_agg(o) FROM unnest(a.attoptions) AS o WHERE o NOT LIKE 'pg\_attver=%'), a.attfdwoptions,
        (SELECT format('%I.%I', ln.nspname, l.collname) FROM pg_collation AS l
            JOIN pg_namespace AS ln ON ln.oid = l.collnamespace WHERE l.oid = a.attcollation),
        (SELECT string_agg(g::text, ',' ORDER BY g::text COLLATE "C") FROM unnest(a.attacl) AS g),
        col_description(c.oid, a.attnum))::text, ';' ORDER BY a.attnum)
    FROM pg_attribute AS a LEFT JOIN pg_attrdef AS f ON f.adrelid = a.attrelid AND f.adnum = a.attnum
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)"""
TABLES = f"""SELECT {RELATION}, ROW(c.relkind, {OWNER("c.relowner")}, c.relpersistence, c.relreplident,
        c.relrowsecurity, c.relforcerowsecurity, c.reloptions, {access("c.relacl", "r", "c.relowner")},
        to_jsonb(c)->>'relispartition', pg_get_expr(c.relpartbound, c.oid), pg_get_partkeydef(c.oid),
        (SELECT spcname FROM pg_tablespace AS s WHERE s.oid = c.reltablespace),
        (SELECT amname FROM pg_am AS m WHERE m.oid = c.relam),
        (SELECT string_agg(i.inhparent::regclass::text, ',' ORDER BY i.inhseqno)
            FROM pg_inherits AS i WHERE i.inhrelid = c.oid),
        (SELECT reloptions FROM pg_class AS toast WHERE toast.oid = c.reltoastrelid),
        obj_description(c.oid, 'pg_class'),
        CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END, {COLUMNS})::text
    FROM {JOINED} WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c') AND {own("pg_class", "c", "n")}"""
INDEXES = f"""SELECT {RELATION}, ROW(pg_get_indexdef(c.oid), x.indisclustered, x.indisreplident, c.reloptions,
        x.indisprimary, x.indisunique, (SELECT spcname FROM pg_tablespace AS s WHERE s.oid = c.reltablespace),
        obj_description(c.oid, 'pg_class'), (SELECT string_agg(a.attstattarget::text, ',' ORDER BY a.attnum)
            FROM pg_attribute AS a WHERE a.attrelid = c.oid))::text
    FROM {JOINED} JOIN pg_index AS x ON x.indexrelid = c.oid
    WHERE (x.indisvalid OR c.relkind = 'I') AND {own("pg_class", "c", "n")}"""
SEQUENCES = f"""SELECT {RELATION}, ROW({OWNER("c.relowner")}, c.relpersistence,
        {access("c.relacl", "s", "c.relowner")}, format_type(q.seqtypid, NULL), q.seqstart, q.seqincrement,
        q.seqmax, q.seqmin, q.seqcache, q.seqcycle, (SELECT string_agg(o.refobjid::regclass::text || '.' ||
            o.refobjsubid::text, ',') FROM pg_depend AS o WHERE o.objid = c.oid AND o.deptype IN ('a', 'i')
            AND o.classid = 'pg_class'::regclass AND o.refclassid = 'pg_class'::regclass),
        obj_description(c.oid, 'pg_class'))::text
    FROM {JOINED} JOIN pg_sequence AS q ON q.seqrelid = c.oid WHERE {own("pg_class", "c", "n")}"""
CONSTRAINTS = f"""SELECT coalesce(nullif(k.conrelid, 0)::regclass::text, k.contypid::regtype::text) || ' ' ||
        quote_ident(k.conname), ROW(pg_get_constraintdef(k.oid), k.convalidated, k.contype,
        obj_description(k.oid, 'pg_constraint'))::text
    FROM pg_constraint AS k JOIN pg_namespace AS n ON n.oid = k.connamespace
    WHERE {own("pg_constraint", "k", "n")}"""
TRIGGERS = f"""SELECT {RELATION} || ' ' || quote_ident(g.tgname), ROW(pg_get_triggerdef(g.oid), g.tgenabled,
        obj_description(g.oid, 'pg_trigger'))::text
    FROM pg_trigger AS g JOIN pg_class AS c ON c.oid = g.tgrelid JOIN pg_namespace AS n
        ON n.oid = c.relnamespace WHERE NOT g.tgisinternal AND {own("pg_class", "c", "n")}"""
RULES = f"""SELECT {RELATION} || ' ' || quote_ident(u.rulename), ROW(pg_get_ruledef(u.oid), u.ev_enabled,
        obj_description(u.oid, 'pg_rewrite'))::text
    FROM pg_rewrite AS u JOIN pg_class AS c ON c.oid = u.ev_class JOIN pg_namespace AS n
        ON n.oid = c.relnamespace WHERE u.rulename <> '_RETURN' AND {own("pg_class", "c", "n")}"""
POLICIES = f"""SELECT {RELATION} || ' ' || quote_ident(p.polname), ROW(p.polcmd, p.polpermissive,
        (SELECT string_agg(CASE WHEN r = 0 THEN 'public' ELSE {OWNER("r")} END, ',' ORDER BY {OWNER("r")})
            FROM unnest(p.polroles) AS r),
        pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))::text
    FROM pg_policy AS p JOIN pg_class AS c ON c.oid = p.polrelid
        JOIN pg_namespace AS n ON n.oid = c.relnamespace"""
ROUTINE = "p.oid::regprocedure::text"
PROCEDURES = "pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace"
ROUTINE_OWNED = f"""{OWNER("p.proowner")}, {access("p.proacl", "f", "p.proowner")},
        obj_description(p.oid, 'pg_proc')"""
FUNCTIONS = f"""SELECT {ROUTINE}, ROW(pg_get_functiondef(p.oid), {ROUTINE_OWNED})::text FROM {PROCEDURES}
    WHERE NOT EXISTS (SELECT FROM pg_aggregate AS g WHERE g.aggfnoid = p.oid) AND
        {own("pg_proc", "p", "n")}"""
AGGREGATES = f"""SELECT {ROUTINE}, ROW({ROUTINE_OWNED}, g.aggkind, g.aggnumdirectargs, g.aggtransfn,
        g.aggfinalfn,
        g.aggcombinefn, g.aggserialfn, g.aggdeserialfn, g.aggmtransfn, g.aggminvtransfn, g.aggmfinalfn,
        g.aggtranstype::regtype, g.aggmtranstype::regtype, g.agginitval, g.aggminitval,
        g.aggsortop::regoperator, p.proparallel)::text
    FROM {PROCEDURES} JOIN pg_aggregate AS g ON g.aggfnoid = p.oid WHERE {own("pg_proc", "p", "n")}"""
TYPES = f"""SELECT format('%I.%I', n.nspname, y.typname), ROW(y.typtype, {OWNER("y.typowner")},
        {access("y.typacl", "T", "y.typowner")}, format_type(y.typbasetype, y.typtypmod), y.typnotnull,
        y.typdefault, y.typcategory, y.typdelim, (SELECT collname FROM pg_collation AS l
            WHERE l.oid = y.typcollation),
        (SELECT string_agg(quote_literal(e.enumlabel), ',' ORDER BY e.enumsortorder) FROM pg_enum AS e
            WHERE e.enumtypid = y.oid),
        (SELECT ROW(r.rngsubtype::regtype, r.rngcanonical, r.rngsubdiff)::text FROM pg_range AS r
            WHERE r.rngtypid = y.oid), obj_description(y.oid, 'pg_type'))::text
    FROM pg_type AS y JOIN pg_namespace AS n ON n.oid = y.typnamespace
    WHERE y.typelem = 0 AND (y.typtype <> 'c' OR y.typrelid IN (SELECT oid FROM pg_class WHERE relkind = 'c'))
        AND {own("pg_type", "y", "n")}"""
SCHEMAS = f"""SELECT quote_ident(n.nspname), ROW({OWNER("n.nspowner")},
        {access("n.nspacl", "n", "n.nspowner")},
        obj_description(n.oid, 'pg_namespace'))::text FROM pg_namespace AS n
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"""
EXTENSIONS = """SELECT quote_ident(x.extname), ROW(x.extversion, n.nspname)::text
    FROM pg_extension AS x JOIN pg_namespace AS n ON n.oid = x.extnamespace"""
EVENT_TRIGGERS = f"""SELECT quote_ident(v.evtname), ROW(v.evtevent, {OWNER("v.evtowner")}, v.evtfoid::regproc,
        v.evtenabled, v.evttags)::text FROM pg_event_trigger AS v WHERE {own("pg_event_trigger", "v")}"""
DEFAULT_GRANTS = f"""SELECT ROW({OWNER("f.defaclrole")}, n.nspname, f.defaclobjtype)::text,
        (SELECT string_agg(g::text, ',' ORDER BY g::text COLLATE "C") FROM unnest(f.defaclacl) AS g)
    FROM pg_default_acl AS f LEFT JOIN pg_namespace AS n ON n.oid = f.defaclnamespace"""
# What was granted on the server's own objects after it was made.
SYSTEM_GRANTS = """SELECT 'pg_catalog', string_agg(said, ';' ORDER BY said COLLATE "C") FROM (
    SELECT c.oid::regclass::text || ' ' || g::text FROM pg_class AS c, unnest(c.relacl) AS g
        WHERE c.oid < 16384 AND NOT g = ANY (coalesce((SELECT initprivs FROM pg_init_privs AS i
            WHERE i.objoid = c.oid AND i.classoid = 'pg_class'::regclass AND i.objsubid = 0), '{}'))
    UNION ALL SELECT p.oid::regprocedure::text || ' ' || g::text FROM pg_proc AS p, unnest(p.proacl) AS g
        WHERE p.oid < 16384 AND NOT g = ANY (coalesce((SELECT initprivs FROM pg_init_privs AS i
            WHERE i.objoid = p.oid AND i.classoid = 'pg_proc'::regclass AND i.objsubid = 0), '{}'))
    ) AS changed (said) HAVING count(*) > 0"""
STATISTICS = f"""SELECT format('%I.%I', n.nspname, s.stxname), ROW(pg_get_statisticsobjdef(s.oid),
        {OWNER("s.stxowner")})::text FROM pg_statistic_ext AS s
        JOIN pg_namespace AS n ON n.oid = s.stxnamespace WHERE {own("pg_statistic_ext", "s", "n")}"""
COLLATIONS = f"""SELECT format('%I.%I', n.nspname, l.collname), (to_jsonb(l) - 'oid' - 'collnamespace'
        - 'collowner' - 'collversion')::text || {OWNER("l.collowner")} FROM pg_collation AS l
        JOIN pg_namespace AS n ON n.oid = l.collnamespace WHERE {own("pg_collation", "l", "n")}"""
CASTS = f"""SELECT ROW(s.castsource::regtype, s.casttarget::regtype)::text, ROW(s.castfunc::regprocedure,
        s.castcontext, s.castmethod)::text FROM pg_cast AS s WHERE {own("pg_cast", "s")}"""
OPERATORS = f"""SELECT o.oid::regoperator::text, ROW(o.oprcode, o.oprrest, o.oprjoin, o.oprcanmerge,
        o.oprcanhash,
        o.oprcom::regoperator, o.oprnegate::regoperator, {OWNER("o.oprowner")})::text FROM pg_operator AS o
        JOIN pg_namespace AS n ON n.oid = o.oprnamespace WHERE {own("pg_operator", "o", "n")}"""
FOREIGN_SERVERS = f"""SELECT quote_ident(s.srvname), ROW(w.fdwname, s.srvtype, s.srvversion, s.srvoptions,
        {OWNER("s.srvowner")}, {access("s.srvacl", "S", "s.srvowner")},
        (SELECT string_agg({OWNER("u.umuser")}, ',' ORDER BY {OWNER("u.umuser")}) FROM pg_user_mappings AS u
            WHERE u.srvid = s.oid))::text
    FROM pg_foreign_server AS s JOIN pg_foreign_data_wrapper AS w ON w.oid = s.srvfdw"""
PUBLICATIONS = f"""SELECT quote_ident(b.pubname), (to_jsonb(b) - 'oid' - 'pubowner')::text
        || {OWNER("b.pubowner")}
        || coalesce((SELECT string_agg(r.prrelid::regclass::text, ',' ORDER BY r.prrelid::regclass::text)
            FROM pg_publication_rel AS r WHERE r.prpubid = b.oid), '') FROM pg_publication AS b"""
SEARCHES = f"""SELECT format('%I.%I', n.nspname, t.cfgname), {OWNER("t.cfgowner")} || coalesce((SELECT
        string_agg(ROW(m.maptokentype, m.mapseqno, m.mapdict::regdictionary)::text, ','
            ORDER BY m.maptokentype, m.mapseqno) FROM pg_ts_config_map AS m WHERE m.mapcfg = t.oid), '')
    FROM pg_ts_config AS t JOIN pg_namespace AS n ON n.oid = t.cfgnamespace
    WHERE {own("pg_ts_config", "t", "n")}"""
LARGE_OBJECTS = f"""SELECT m.oid::text, ROW({OWNER("m.lomowner")},
        {access("m.lomacl", "L", "m.lomowner")})::text FROM pg_largeobject_metadata AS m"""

# Of each database.
IN_DATABASE: Mapping[str, str] = {
    "table": TABLES,
    "index": INDEXES,
    "sequence": SEQUENCES,
    "constraint": CONSTRAINTS,
    "trigger": TRIGGERS,
    "rule": RULES,
    "policy": POLICIES,
    "function": FUNCTIONS,
    "aggregate": AGGREGATES,
    "type": TYPES,
    "schema": SCHEMAS,
    "extension": EXTENSIONS,
    "event trigger": EVENT_TRIGGERS,
    "default grant": DEFAULT_GRANTS,
    "system grant": SYSTEM_GRANTS,
    "statistics": STATISTICS,
    "collation": COLLATIONS,
    "cast": CASTS,
    "operator": OPERATORS,
    "foreign server": FOREIGN_SERVERS,
    "publication": PUBLICATIONS,
    "text search": SEARCHES,
    "large object": LARGE_OBJECTS,
}

DATABASES = f"""SELECT quote_ident(b.datname), ROW({OWNER("b.datdba")}, pg_encoding_to_char(b.encoding),
        b.datcollate, b.datctype, b.datistemplate, b.datconnlimit, {access("b.datacl", "d", "b.datdba")},
        to_jsonb(b)->>'datlocprovider', coalesce(to_jsonb(b)->>'daticulocale', to_jsonb(b)->>'datlocale'),
        shobj_description(b.oid, 'pg_database'))::text FROM pg_database AS b WHERE b.datallowconn"""
ROLES = """SELECT quote_ident(r.rolname), (to_jsonb(r) - 'oid' - 'rolpassword' - 'rolconfig')::text ||
        coalesce((SELECT string_agg(ROW(pg_get_userbyid(m.roleid), m.admin_option)::text, ','
            ORDER BY pg_get_userbyid(m.roleid)) FROM pg_auth_members AS m WHERE m.member = r.oid), '')
    FROM pg_roles AS r WHERE r.rolname !~ '^pg_'"""
SETTINGS = """SELECT ROW(coalesce(b.datname, ''), CASE WHEN s.setrole <> 0 THEN pg_get_userbyid(s.setrole) END
        )::text, s.setconfig::text
    FROM pg_db_role_setting AS s LEFT JOIN pg_database AS b ON b.oid = s.setdatabase"""
TABLESPACES = f"""SELECT quote_ident(s.spcname), ROW({OWNER("s.spcowner")}, s.spcoptions,
        {access("s.spcacl", "t", "s.spcowner")})::text FROM pg_tablespace AS s"""

# Of the cluster, asked in any of its databases.
IN_CLUSTER: Mapping[str, str] = {
    "database": DATABASES,
    "role": ROLES,
    "setting": SETTINGS,
    "tablespace": TABLESPACES,
}
