-- The clinic of the leak suite: invented patients whose values are canaries.
--
-- Run it in an empty database as the role by which the proxy under test reaches the database. All
-- values of patient n can be told by their n; the suite knows every form in which they could leave.

CREATE SCHEMA clinic;
SET timezone = 'UTC';

CREATE TYPE clinic.person AS (nick text, ssn text);
CREATE DOMAIN clinic.code AS text CHECK (VALUE <> '');

CREATE TABLE clinic.patients (
    id int PRIMARY KEY, city text, seen timestamptz, amount numeric(10,2), score float8,
    ident uuid, active bool, tags text[], small int2,
    ssn text UNIQUE, ssn_number int8, ssn_int int4, born date, salary numeric(12,2),
    token uuid, photo bytea, phone text, nick text, secret text, address inet,
    aliases text[], doc jsonb, note text, mail text,
    CHECK (small > 0));
CREATE TABLE clinic.numbers (id int, ssn int8);
CREATE TABLE clinic.arrivals (id int, what text);

-- What the patients have to do with, without PHI.
CREATE TABLE clinic.visits (
    id int PRIMARY KEY, patient int REFERENCES clinic.patients, ward text, at date, cost numeric);

-- Columns of other types, tables in parts, and a table that refers to masked values.
CREATE TABLE clinic.typed (id int, who clinic.person, code clinic.code, span int8range);
CREATE TABLE clinic.parted (id int, nick text) PARTITION BY RANGE (id);
CREATE TABLE clinic.parted_low PARTITION OF clinic.parted FOR VALUES FROM (0) TO (3);
CREATE TABLE clinic.parted_high PARTITION OF clinic.parted FOR VALUES FROM (3) TO (100);
CREATE TABLE clinic.ancestors (id int, ssn int8);
CREATE TABLE clinic.heirs (extra text) INHERITS (clinic.ancestors);
CREATE TABLE clinic.claims (id int, ssn text REFERENCES clinic.patients (ssn));
CREATE TABLE clinic.marked (ssn_kept text,
    start text GENERATED ALWAYS AS (left(ssn_kept, 6)) STORED);

-- Free text and documents, where only the identifiers inside are PHI.
CREATE TABLE clinic.letters (id int, body text);
CREATE TABLE clinic.papers (id int, doc jsonb, page xml);

CREATE VIEW clinic.seen AS SELECT id, ssn AS s, nick AS n, born AS b FROM clinic.patients;
CREATE VIEW clinic.told AS
    SELECT id, format('%s of %s', nick, city) AS n FROM clinic.patients;
CREATE VIEW clinic.twice AS SELECT n AS x FROM clinic.seen;

CREATE FUNCTION clinic.tell(number int) RETURNS void LANGUAGE plpgsql AS $$
    BEGIN RAISE NOTICE 'patient % has SSN % and mail %', number,
        (SELECT ssn FROM clinic.patients WHERE id = number),
        (SELECT mail FROM clinic.patients WHERE id = number); END $$;
CREATE FUNCTION clinic.ssn_of(number int) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT ssn FROM clinic.patients WHERE id = number $$;
CREATE FUNCTION clinic.same(text) RETURNS text LANGUAGE sql AS $$ SELECT $1 $$;
CREATE FUNCTION clinic.reveal(number int) RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN RETURN (SELECT nick FROM clinic.patients WHERE id = number); END $$;
CREATE FUNCTION clinic.everybody() RETURNS SETOF clinic.patients LANGUAGE sql STABLE AS $$
    SELECT * FROM clinic.patients $$;
CREATE FUNCTION clinic.quote(number int) RETURNS int LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'no bed for %', (SELECT nick FROM clinic.patients WHERE id = number)
        USING DETAIL = (SELECT secret FROM clinic.patients WHERE id = number),
              HINT = (SELECT mail FROM clinic.patients WHERE id = number); END $$;
CREATE FUNCTION clinic.nick_of(number int) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT nick FROM clinic.patients WHERE id = number $$;
CREATE OPERATOR clinic.!! (RIGHTARG = int, FUNCTION = clinic.nick_of);

INSERT INTO clinic.patients
SELECT n, 'Town ' || n, format('2024-01-0%s 10:00Z', n)::timestamptz, n * 100 + 0.5, n + 0.25,
    format('00000000-0000-4000-8000-00000000000%s', n)::uuid, true, ARRAY['a' || n, 'b'], n,
    ssn, bare::int8, bare::int4, format('1931-03-0%s', n)::date, format('73151.0%s', n)::numeric,
    format('c0ffee0%s-5eed-4bad-8bad-00c0ffee0%1$saa', n)::uuid,
    format('PHOTO%sCANARY', n)::bytea, format('212-555-0%s71', n), format('Zaphod%sbrox', n),
    format('xyzzy-%s-plugh', n), format('203.0.113.%s7', n)::inet,
    ARRAY[format('Frodo%sBaggins', n), NULL, 'x'],
    jsonb_build_object('visit', n, 'ssn', bare || 'x', 'deep',
        jsonb_build_object('ssn', jsonb_build_array(ssn))),
    format('Seen in clinic; SSN %s, write to %s about it.', ssn, mail), mail
FROM generate_series(1, 5) n,
    LATERAL (SELECT format('531-7%s-029%1$s', n) AS ssn, format('5317%s029%1$s', n) AS bare,
        format('patient.%s@mail-canary.example', n) AS mail) v;
INSERT INTO clinic.patients (id, city, small) VALUES (6, 'Nowhere', 1);
INSERT INTO clinic.numbers SELECT id, ssn_number FROM clinic.patients WHERE ssn IS NOT NULL;
INSERT INTO clinic.heirs SELECT id, ssn_number, nick FROM clinic.patients WHERE ssn IS NOT NULL;
INSERT INTO clinic.marked SELECT ssn FROM clinic.patients;
INSERT INTO clinic.claims SELECT id, ssn FROM clinic.patients WHERE id IN (2, 3);
INSERT INTO clinic.parted SELECT id, nick FROM clinic.patients WHERE ssn IS NOT NULL;
INSERT INTO clinic.typed
SELECT id, (nick, ssn)::clinic.person, nick, int8range(ssn_number, ssn_number + 1)
FROM clinic.patients WHERE ssn IS NOT NULL;
INSERT INTO clinic.visits
SELECT n, n % 6 + 1, (ARRAY['North', 'South', 'East'])[n % 3 + 1], '2024-02-01'::date + n, n * 10
FROM generate_series(1, 30) n;

-- The same number in disguises that a reader sees through.
INSERT INTO clinic.letters
SELECT 1, 'Number ' || translate(ssn, '0123456789', '０１２３４５６７８９') FROM clinic.patients WHERE id = 1
UNION ALL
SELECT 2, 'Number ' || translate(ssn, '0123456789', '٠١٢٣٤٥٦٧٨٩') FROM clinic.patients WHERE id = 2
UNION ALL
SELECT 3, 'SSN ' || replace(ssn, '-', U&'\200B-\200B') FROM clinic.patients WHERE id = 3
UNION ALL
SELECT 4, 'SSN ' || replace(ssn, '-', U&'\2011') FROM clinic.patients WHERE id = 4
UNION ALL
SELECT 5, 'SSN ' || encode(ssn::bytea, 'base64') FROM clinic.patients WHERE id = 5
UNION ALL
SELECT 6, 'SSN ' || encode(ssn::bytea, 'hex') FROM clinic.patients WHERE id = 5
UNION ALL
SELECT 7, repeat('all is well ', 5461) || 'SSN ' || ssn || repeat(' and so on', 20000)
FROM clinic.patients WHERE id = 1
UNION ALL
SELECT 8, 'Nothing to report from the north ward.'
UNION ALL
SELECT 9, 'Mail ' || replace(replace(mail, '@', ' at '), '.example', ' dot example')
FROM clinic.patients WHERE id = 2
UNION ALL
SELECT 10, replace(format('{"text": "SSN %s"}', ssn), '5', '\u0035')
FROM clinic.patients WHERE id = 4;
INSERT INTO clinic.papers
SELECT 1, jsonb_build_object('by', jsonb_build_object(ssn, 'first')), NULL
FROM clinic.patients WHERE id = 1
UNION ALL
SELECT 2, jsonb_build_object('text', 'SSN ' || ssn), xmlelement(name p, 'SSN ' || ssn)
FROM clinic.patients WHERE id = 2
UNION ALL
SELECT 3, to_jsonb(replace(format('{"text": "SSN %s"}', ssn), '5', '\u0035')),
    replace(format('<p>SSN %s</p>', ssn), '5', '&#53;')::xml
FROM clinic.patients WHERE id = 3
UNION ALL
SELECT 4, '{"ward": "North", "beds": [1, 2, 3]}', '<p>North</p>';

CREATE MATERIALIZED VIEW clinic.kept AS SELECT id, nick AS n FROM clinic.patients;
