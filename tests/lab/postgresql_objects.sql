-- One of each kind of object that a backup has to bring back.
CREATE ROLE clerk NOLOGIN;
CREATE ROLE boss LOGIN PASSWORD 'lab-only' CONNECTION LIMIT 3 VALID UNTIL '2099-01-01';
GRANT clerk TO boss WITH ADMIN OPTION;
ALTER ROLE boss SET work_mem = '8MB';
ALTER DATABASE postgres SET statement_timeout = '1h';
COMMENT ON ROLE clerk IS '窗口人员';
CREATE SCHEMA "办公" AUTHORIZATION clerk;
CREATE EXTENSION pg_trgm;
CREATE EXTENSION hstore SCHEMA public;
CREATE TYPE mood AS ENUM ('sad', 'ok', '开心');
CREATE TYPE pair AS (a int, b text);
CREATE DOMAIN positive AS int CHECK (VALUE > 0) DEFAULT 1;
CREATE TYPE span AS RANGE (subtype = float8);
CREATE COLLATION backwards (provider = libc, locale = 'C');
CREATE TABLE "办公"."各 种" (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    nothing text, empty text NOT NULL DEFAULT '',
    f4 real, f8 double precision, n numeric, raw bytea, j json, jb jsonb,
    b bit(5), vb bit varying, arr text[], nested int[][], p pair, d positive, m mood, s span,
    at timestamptz, day date, gap interval, u uuid, ip inet, x xml, cash money, k hstore,
    made text GENERATED ALWAYS AS (empty || '!') STORED, c text COLLATE backwards, "t" text
);
INSERT INTO "办公"."各 种" (nothing, empty, f4, f8, n, raw, j, jb, b, vb, arr, nested, p, d, m, s, at, day, gap, u, ip, x,
    cash, k, c, "t")
SELECT CASE WHEN g % 2 = 0 THEN NULL ELSE '' END, '', 0.1 * g, 1.0 / (g + 3), g / 7.0, decode(md5(g::text), 'hex'),
    '{"b":  1, "a": 1, "a": 2}', '{"b": 1, "a": 2}', B'10101', B'1', ARRAY['a', NULL, ',"{}'], '{{1,2},{3,4}}',
    ROW(g, NULL)::pair, g, 'ok', span(0, g), 'epoch'::timestamptz + g * interval '1 s', 'infinity', '1 mon 2 days',
    md5(g::text)::uuid, '10.99.0.1', '<a>1</a>', 12.5, 'a=>1', 'ä', E'tab\tnew\nline\\'
FROM generate_series(1, 500) AS g;
INSERT INTO "办公"."各 种" (f4, f8, n) VALUES ('NaN', '-Infinity', 'NaN'), ('-0', '1e-300', 'Infinity');
CREATE TABLE twice (n int, said text);
INSERT INTO twice VALUES (1, 'same'), (1, 'same'), (2, NULL), (2, '');
CREATE TABLE parted (n int, region text) PARTITION BY LIST (region);
CREATE TABLE parted_north PARTITION OF parted FOR VALUES IN ('north') PARTITION BY RANGE (n);
CREATE TABLE parted_north_1 PARTITION OF parted_north FOR VALUES FROM (0) TO (100);
CREATE TABLE parted_rest PARTITION OF parted DEFAULT;
INSERT INTO parted SELECT g, CASE WHEN g % 2 = 0 THEN 'north' ELSE 'x' END FROM generate_series(1, 60) AS g;
CREATE TABLE parent (n int);
CREATE TABLE child (more text) INHERITS (parent);
INSERT INTO parent VALUES (1);
INSERT INTO child VALUES (2, 'two');
CREATE UNLOGGED TABLE fleeting (n int);
INSERT INTO fleeting VALUES (1);
CREATE TABLE far (n int) TABLESPACE elsewhere;
INSERT INTO far SELECT generate_series(1, 300);
CREATE INDEX far_away ON far (n) TABLESPACE elsewhere;
CREATE INDEX by_trigram ON twice USING gin (said gin_trgm_ops) WHERE n > 0;
ALTER TABLE twice ADD CONSTRAINT small CHECK (n < 1000) NOT VALID;
CREATE STATISTICS related ON n, said FROM twice;
CREATE VIEW seen AS SELECT n, said FROM twice WHERE n > 1 WITH CHECK OPTION;
CREATE MATERIALIZED VIEW kept AS SELECT count(*) AS many FROM twice;
CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.said := NEW.said || '.'; RETURN NEW; END $$;
CREATE TRIGGER noting BEFORE UPDATE ON twice FOR EACH ROW EXECUTE FUNCTION noted();
CREATE TRIGGER sleeping BEFORE DELETE ON twice FOR EACH ROW EXECUTE FUNCTION noted();
ALTER TABLE twice DISABLE TRIGGER sleeping;
CREATE PROCEDURE tidy() LANGUAGE sql AS 'DELETE FROM twice WHERE n < 0';
CREATE AGGREGATE added (int) (sfunc = int4pl, stype = int, initcond = '0');
CREATE RULE no_truth AS ON INSERT TO seen DO INSTEAD NOTHING;
ALTER TABLE twice ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON twice FOR SELECT TO clerk USING (n > 1);
CREATE FUNCTION watched() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$;
CREATE EVENT TRIGGER watching ON ddl_command_end EXECUTE FUNCTION watched();
CREATE SEQUENCE counted INCREMENT 5 START 10 CACHE 3;
SELECT nextval('counted'), nextval('counted');
GRANT SELECT (n), UPDATE ON twice TO clerk WITH GRANT OPTION;
GRANT EXECUTE ON FUNCTION pg_stat_reset() TO clerk;
ALTER DEFAULT PRIVILEGES IN SCHEMA "办公" GRANT SELECT ON TABLES TO clerk;
SELECT lo_from_bytea(4711, decode(repeat('c0ffee', 3000), 'hex'));
GRANT SELECT ON LARGE OBJECT 4711 TO clerk;
CREATE PUBLICATION told FOR TABLE far;
CREATE OPERATOR === (leftarg = int, rightarg = int, function = int4eq);
CREATE CAST (pair AS text) WITH INOUT;
COMMENT ON TABLE twice IS '两次';
COMMENT ON COLUMN twice.n IS '编号';
ALTER TABLE twice ALTER COLUMN n SET STATISTICS 500;
ALTER TABLE twice SET (fillfactor = 70);
