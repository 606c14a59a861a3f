//! A hospital's tables: columns with PHI under good and bad names, and harmless ones that look
//! like them.

use velum_proxy::demo::cluster::Cluster;

use super::support::clinic::{DATABASE, ROLE, ROLE_PASSWORD};

/// Columns with PHI, and the class of each.
pub(crate) const PHI: &[(&str, &str)] = &[
    // By name, and the values agree.
    ("people.mrn", "mrn"),
    ("people.fname", "name"),
    ("people.lname", "name"),
    ("people.dob", "date"),
    ("people.ssn", "ssn"),
    ("people.home_street", "address"),
    ("people.zip", "zip"),
    ("people.photo", "other"),
    // Badly named: by content alone.
    ("people.c1", "email"),
    ("people.c2", "phone"),
    ("people.x_ref", "ssn"),
    ("people.whom", "name"),
    ("people.f1", "credit_card"),
    ("people.host", "ip"),
    // By type.
    ("people.last_seen_at_net", "ip"),
    ("visits.started", "date"),
    // Texts, documents, arrays.
    ("people.remarks", "text"),
    ("people.blob", "document"),
    ("people.nums", "phone"),
    // By foreign key.
    ("visits.subject", "mrn"),
    ("results.of", "mrn"),
    // Empty: by name, by comment, by the name of a type.
    ("intake.ssn", "ssn"),
    ("intake.email_address", "email"),
    ("intake.next_of_kin", "name"),
    ("intake.member_id", "health_plan"),
    ("intake.c9", "ssn"),
    ("intake.k", "ssn"),
    // By lineage.
    ("roster.a", "mrn"),
    ("roster.b", "name"),
    ("roster_of_rosters.a", "mrn"),
    ("snapshot.q", "ssn"),
    ("people.tag", "mrn"),
    // In partitions.
    ("claims.holder", "ssn"),
];

/// Harmless columns.
pub(crate) const HARMLESS: &[&str] = &[
    "people.id",
    "drugs.name",
    "drugs.ndc",
    "drugs.lot_number",
    "drugs.price",
    "drugs.approved_on",
    "drugs.strength",
    "drugs.leaflet",
    "codes.icd_code",
    "codes.loinc",
    "codes.version",
    "codes.email_template",
    "codes.phone_type",
    "codes.ssn_verified",
    "codes.address_type",
    "codes.date_format",
    "codes.created_at",
    "codes.row_hash",
    "codes.ident",
    "codes.order_id",
    "codes.serial",
    "codes.mrn_count",
    "codes.amount",
    "codes.not_it",
    "calendar.day",
    "calendar.holiday",
    "depots.city",
    "depots.latitude",
    "depots.opened",
    "servers.addr",
    "roster.visits",
    "snapshot.n",
    "big.filler",
];

/// Rows of `ehr.people`.
pub(crate) const PEOPLE: usize = 120;
/// Rows of `ehr.big`, which are many pages.
pub(crate) const BIG: u64 = 200_000;

/// Makes role, database, tables and rows.
pub(crate) fn create(cluster: &Cluster) {
    let roles = format!("CREATE ROLE {ROLE} LOGIN PASSWORD '{ROLE_PASSWORD}'");
    let database = format!("CREATE DATABASE {DATABASE} OWNER {ROLE}");
    for (at, sql) in [
        ("postgres", roles.as_str()),
        ("postgres", &database),
        (DATABASE, &format!("SET ROLE {ROLE}; {TABLES}")),
        (DATABASE, &format!("SET ROLE {ROLE}; {PERSONS}")),
        (DATABASE, &format!("SET ROLE {ROLE}; {THINGS}")),
        (DATABASE, OTHERS),
    ] {
        cluster
            .psql_in(at, sql)
            .unwrap_or_else(|error| panic!("{error}: {sql}"));
    }
}

/// Every value of the columns with PHI, as text; short ones, which are words by chance, left out.
pub(crate) fn values(cluster: &Cluster) -> Vec<String> {
    let all = "SELECT v FROM ehr.people p,
            LATERAL (VALUES (mrn), (fname), (lname), (dob::text), (ssn), (home_street), (zip),
                (c1), (c2), (x_ref), (whom), (f1), (host), (nums[1]), (remarks), (blob->>'n'),
                (blob->>'tel'), (host(last_seen_at_net))) t(v)
        UNION SELECT holder FROM ehr.claims UNION SELECT secret FROM ehr.locked
        UNION SELECT secret FROM ehr.hidden
        UNION SELECT ndc FROM ehr.drugs UNION SELECT row_hash FROM ehr.codes";
    let rows = cluster.psql_in(DATABASE, all).expect("values");
    let lines = rows.lines().map(|line| line.trim().to_owned());
    lines.filter(|line| line.len() >= 5).collect()
}

const TABLES: &str = "
    CREATE SCHEMA ehr;
    CREATE DOMAIN ehr.ssn AS text;
    CREATE TABLE ehr.calendar (day date PRIMARY KEY, holiday text);
    CREATE TABLE ehr.people (
        id int PRIMARY KEY, mrn text UNIQUE, fname text, lname text, dob date, ssn text,
        home_street text, zip text, photo bytea, c1 text, c2 text, x_ref text, whom text, f1 text,
        host text, last_seen_at_net inet, remarks text, blob jsonb, nums text[],
        tag text GENERATED ALWAYS AS (left(mrn, 4)) STORED);
    CREATE TABLE ehr.visits (
        id int PRIMARY KEY, subject text REFERENCES ehr.people (mrn),
        started date REFERENCES ehr.calendar (day));
    CREATE TABLE ehr.results (id int, of text REFERENCES ehr.people (mrn), value numeric);
    CREATE TABLE ehr.intake (ssn text, email_address text, next_of_kin text, member_id text,
        c9 text, k ehr.ssn);
    COMMENT ON COLUMN ehr.intake.c9 IS 'Social security number of the patient';
    CREATE VIEW ehr.roster AS
        SELECT p.mrn AS a, upper(p.lname) AS b, count(v.id) AS visits
        FROM ehr.people p LEFT JOIN ehr.visits v ON v.subject = p.mrn GROUP BY p.mrn, p.lname;
    CREATE VIEW ehr.roster_of_rosters AS SELECT a FROM ehr.roster;
    CREATE MATERIALIZED VIEW ehr.snapshot AS SELECT ssn AS q, 7 AS n FROM ehr.people;
    CREATE TABLE ehr.claims (year int, holder text) PARTITION BY LIST (year);
    CREATE TABLE ehr.claims_2023 PARTITION OF ehr.claims FOR VALUES IN (2023);
    CREATE TABLE ehr.claims_2024 PARTITION OF ehr.claims FOR VALUES IN (2024);
    CREATE TABLE ehr.drugs (id int, name text, ndc text, lot_number text, price numeric,
        approved_on date, strength text, leaflet text);
    CREATE TABLE ehr.codes (icd_code text, loinc text, version text, email_template text,
        phone_type text, ssn_verified bool, address_type text, date_format text,
        created_at timestamptz, row_hash text, ident uuid, order_id int8, serial int8,
        mrn_count int, amount numeric, not_it text);
    COMMENT ON COLUMN ehr.codes.not_it IS 'Never the social security number';
    CREATE TABLE ehr.depots (city text, latitude float8, opened date);
    CREATE TABLE ehr.servers (addr inet, rack int);
    CREATE TABLE ehr.big (id int, filler text);";

const PERSONS: &str = "
    INSERT INTO ehr.calendar SELECT '2019-01-01'::date + g, CASE WHEN g % 90 = 0 THEN 'New Year'
        END FROM generate_series(0, 2000) g;
    INSERT INTO ehr.people SELECT g, 'MR' || lpad((4400000 + g * 37)::text, 8, '0'),
        (ARRAY['Maria', 'James', 'Aisha', 'Robert', 'Linda', 'Miguel', 'Susan'])[1 + g % 7],
        (ARRAY['Gonzalez', 'Johnson', 'Okafor', 'Smithson', 'Kowalski'])[1 + g % 5],
        '1941-02-04'::date + g * 211,
        format('%s-%s-%s', 501 + g, 11 + g % 80, 1000 + g * 7),
        format('%s Maple Street', 100 + g), lpad((2100 + g)::text, 5, '0'), '\\x89504e47',
        format('p%s.canary@mail-canary.example', g),
        format('(617) 555-%s', lpad((100 + g)::text, 4, '0')),
        format('%s-%s-%s', 301 + g, 21 + g % 70, 2000 + g * 11),
        (ARRAY['Maria', 'James', 'Aisha', 'Robert', 'Linda', 'Miguel', 'Susan'])[1 + g % 7]
            || ' ' || (ARRAY['Gonzalez', 'Johnson', 'Okafor', 'Smithson'])[1 + g % 4],
        (ARRAY['4111111111111111', '5555555555554444', '378282246310005', '6011111111111117',
            '4012888888881881', '5105105105105100', '371449635398431'])[1 + g % 7],
        format('198.51.%s.%s', g % 100, 1 + g), format('203.0.113.%s', 1 + g)::inet,
        format('Pt seen with cough. SSN %s-%s-%s on file, call (617) 555-%s before noon.',
            501 + g, 11 + g % 80, 1000 + g * 7, lpad((100 + g)::text, 4, '0')),
        jsonb_build_object('n', format('%s-%s-%s', 601 + g, 31 + g % 60, 3000 + g),
            'tel', format('(508) 555-%s', lpad((200 + g)::text, 4, '0')), 'kind', 'intake'),
        ARRAY[format('(413) 555-%s', lpad((300 + g)::text, 4, '0')), NULL]
        FROM generate_series(1, 120) g;
    INSERT INTO ehr.visits SELECT row_number() OVER (), mrn, '2020-01-01'::date + id
        FROM ehr.people;
    INSERT INTO ehr.results SELECT id, mrn, id * 1.5 FROM ehr.people WHERE id <= 3;
    INSERT INTO ehr.claims SELECT 2023 + g % 2, format('%s-%s-%s', 401 + g, 41 + g % 50, 4000 + g)
        FROM generate_series(1, 80) g;
    REFRESH MATERIALIZED VIEW ehr.snapshot;";

const THINGS: &str = "
    INSERT INTO ehr.drugs SELECT g,
        (ARRAY['Lisinopril', 'Metformin', 'Atorvastatin', 'Amoxicillin', 'Omeprazole',
            'Levothyroxine', 'Gabapentin'])[1 + g % 7],
        format('%s-%s-%s', lpad((10 + g)::text, 5, '0'), lpad((200 + g)::text, 4, '0'),
            lpad((g % 99)::text, 2, '0')),
        'LOT' || (100000 + g * 31), g * 1.25, '2001-01-01'::date + g * 9, (g * 5) || ' mg',
        'Take one tablet by mouth daily with a full glass of water, and not on an empty stomach.'
        FROM generate_series(1, 100) g;
    INSERT INTO ehr.codes SELECT 'E' || (10 + g % 80) || '.' || g % 9, (1000 + g) || '-' || g % 9,
        format('1.%s.%s.%s', g % 9, g % 7, g), 'Dear customer, your order is on its way.',
        (ARRAY['home', 'work', 'mobile'])[1 + g % 3], g % 2 = 0, 'billing', 'YYYY-MM-DD',
        '2024-01-01 10:00Z'::timestamptz + g * interval '1 hour', md5(g::text),
        md5(g::text)::uuid, 500000000 + g, 100000000 + g, g, g * 13.37, 'abc'
        FROM generate_series(1, 100) g;
    INSERT INTO ehr.depots SELECT (ARRAY['Boston', 'Springfield', 'Portland'])[1 + g % 3],
        42.1 + g, '2010-01-01'::date + g * 40 FROM generate_series(1, 40) g;
    INSERT INTO ehr.servers SELECT format('10.0.0.%s', g)::inet, g FROM generate_series(1, 40) g;
    INSERT INTO ehr.big SELECT g, repeat('filler ', 20) FROM generate_series(1, 200000) g;
    ANALYZE ehr.big;";

/// What the role may not read, or not all of.
const OTHERS: &str = "
    CREATE TABLE ehr.locked (secret text);
    INSERT INTO ehr.locked VALUES ('locked-canary-value');
    CREATE TABLE ehr.hidden (whose text, secret text);
    INSERT INTO ehr.hidden VALUES ('nobody', 'hidden-canary-value');
    ALTER TABLE ehr.hidden ENABLE ROW LEVEL SECURITY;
    CREATE POLICY own ON ehr.hidden USING (whose = CURRENT_USER);
    GRANT SELECT ON ehr.hidden TO PUBLIC;";
