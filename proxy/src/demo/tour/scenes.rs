//! What the tour shows: each scene is played twice, direct and through Velum.

use std::io;

use postgres_protocol::IsNull;
use postgres_protocol::message::frontend;

use crate::demo::raw::{Frame, Raw};

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Identity {
    /// Policy `deidentified`.
    EtlBot,
    /// Policy `limited`.
    AnalystAgent,
}

impl Identity {
    /// The name in the configuration.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::EtlBot => "etl-bot",
            Self::AnalystAgent => "analyst-agent",
        }
    }
}

/// How the client asks.
#[derive(Clone, Copy, Debug)]
pub(super) enum Play {
    /// Simple query messages, one after another.
    Simple(&'static [&'static str]),
    /// A named statement: parsed and described once, then bound and executed once for each
    /// value of its parameter, without asking for a description again.
    DescribedOnce {
        /// With `$1::int8` in it.
        sql: &'static str,
        /// Values of the parameter, as text.
        values: &'static [&'static str],
    },
    /// The extended protocol with all results in binary format.
    Binary(&'static str),
    /// A simple query that Velum does not let run.
    Refused(&'static str),
}

/// A scene.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scene {
    /// Heading.
    pub(super) title: &'static str,
    /// What to look at.
    pub(super) about: &'static str,
    /// Who asks.
    pub(super) identity: Identity,
    /// What is asked.
    pub(super) play: Play,
    /// Columns that must come through Velum exactly as direct.
    pub(super) clean: &'static [&'static str],
    /// Columns of which no value may come through as it is.
    pub(super) masked: &'static [&'static str],
}

/// All scenes, in order.
pub(super) const SCENES: &[Scene] = &[
    Scene {
        title: "Rows as text",
        about: "Rules name columns; no rule has to say what a city is. Masked values keep their \
                length; the rest is untouched.",
        identity: Identity::EtlBot,
        play: Play::Simple(&[
            "select id, ssn, full_name, dob, phone, email, city, state, balance \
             from clinic.patients where id in (1, 2) order by id",
        ]),
        clean: &["id", "state", "balance"],
        masked: &["ssn", "full_name", "dob", "phone", "email", "city"],
    },
    Scene {
        title: "The same, another identity",
        about: "Another policy: the last four digits stay, names become a constant, contact NULL.",
        identity: Identity::AnalystAgent,
        play: Play::Simple(&[
            "select id, ssn, full_name, dob, phone, email, city, state, balance \
             from clinic.patients where id = 1",
        ]),
        clean: &["id", "state", "balance"],
        masked: &["ssn", "full_name", "dob", "phone", "email", "city"],
    },
    Scene {
        title: "Renamed columns, a view, a join",
        about: "Masking follows the base column that a value comes from, whatever it is called.",
        identity: Identity::EtlBot,
        play: Play::Simple(&[
            "select p.ssn as room_number, p.full_name as status, d.national_id, \
             d.who, d.mailbox, c.debtor, c.due, d.city as town from clinic.patients p \
             join clinic.patient_directory d on d.patient_number = p.id \
             left join clinic.open_claims c on c.tax_number = p.ssn \
             where p.id = 3 limit 1",
        ]),
        clean: &["due"],
        masked: &[
            "town",
            "room_number",
            "status",
            "national_id",
            "who",
            "mailbox",
            "debtor",
        ],
    },
    Scene {
        title: "A statement described once, executed twice",
        about: "Drivers ask for the column names once. Velum remembers them with the statement.",
        identity: Identity::EtlBot,
        play: Play::DescribedOnce {
            sql: "select mrn, ssn, email, state from clinic.patients where id = $1::int8",
            values: &["4", "5"],
        },
        clean: &["state"],
        masked: &["mrn", "ssn", "email"],
    },
    Scene {
        title: "Rows in binary format",
        about: "Replaced by values of the same type, so that drivers decode them: int8, uuid, \
                date, jsonb, text[]. An inet becomes NULL.",
        identity: Identity::EtlBot,
        play: Play::Binary(
            "select id, ssn_num, patient_uuid, dob, contact, aliases, last_login_ip, active \
             from clinic.patients where id = 6",
        ),
        clean: &["id", "active"],
        masked: &[
            "ssn_num",
            "patient_uuid",
            "dob",
            "contact",
            "aliases",
            "last_login_ip",
        ],
    },
    Scene {
        title: "COPY as text and as CSV",
        about: "A bulk export has no column names on the wire. Velum asks the database for them.",
        identity: Identity::EtlBot,
        play: Play::Simple(&[
            "copy (select id, ssn, full_name, email, city from clinic.patients \
             where id <= 2 order by id) to stdout",
            "copy (select id, ssn, full_name, email, city from clinic.patients \
             where id <= 2 order by id) to stdout with (format csv, header)",
        ]),
        // The third line is the header of the CSV.
        clean: &["COPY (3)"],
        masked: &["COPY (2)", "COPY (4)", "COPY (5)"],
    },
    Scene {
        title: "COPY in binary format",
        about: "ssn as text, ssn_num as int8, the date of birth, and the state.",
        identity: Identity::EtlBot,
        play: Play::Simple(&[
            "copy (select ssn, ssn_num, dob, state from clinic.patients \
             where id = 7) to stdout with (format binary)",
        ]),
        clean: &["state"],
        masked: &["ssn", "ssn_num", "dob"],
    },
    Scene {
        title: "Errors that quote values",
        about: "PostgreSQL repeats the value that it complains about. The SQLSTATE stays.",
        identity: Identity::EtlBot,
        play: Play::Simple(&[
            "update clinic.patients set id = null where id = 1",
            "select full_name::int8 from clinic.patients where id = 2",
        ]),
        clean: &["code", "code (2)"],
        masked: &["detail", "message (2)"],
    },
    Scene {
        title: "A notice",
        about: "RAISE NOTICE inside a function carries data past every result set.",
        identity: Identity::EtlBot,
        play: Play::Simple(&["select clinic.remind(3)"]),
        clean: &[],
        masked: &["message"],
    },
    Scene {
        title: "A notification",
        about: "LISTEN and NOTIFY: the payload is looked at like any text.",
        identity: Identity::EtlBot,
        play: Play::Simple(&["listen reminders", "select clinic.page(4)"]),
        clean: &["channel"],
        masked: &["payload"],
    },
    Scene {
        title: "A JSON document",
        about: "Rules reach the keys of a document; what no rule names is found by content.",
        identity: Identity::EtlBot,
        play: Play::Simple(&["select patient_id, document from clinic.documents where id = 1"]),
        clean: &["patient_id"],
        masked: &["document"],
    },
    Scene {
        title: "PHI inside prose",
        about: "No column rule here: detectors find the identifiers in the note. Names count \
                behind a label; running names need a rule on the column in this version.",
        identity: Identity::EtlBot,
        play: Play::Simple(&["select id, body from clinic.notes where id in (2, 8) order by id"]),
        clean: &["id"],
        masked: &["body"],
    },
    Scene {
        title: "An HL7 v2 message",
        about: "Fields of PID and NK1 by their position; results of the laboratory stay.",
        identity: Identity::EtlBot,
        play: Play::Simple(&["select id, message, raw from clinic.hl7_messages where id = 5"]),
        clean: &["id"],
        masked: &["message", "raw"],
    },
    Scene {
        title: "A cursor",
        about: "FETCH returns rows of a statement that ran before.",
        identity: Identity::EtlBot,
        play: Play::Simple(&[
            "begin",
            "declare rounds cursor for select ssn as bed, full_name, state \
             from clinic.patients where id <= 8 order by id",
            "fetch 1 from rounds",
            "fetch 1 from rounds",
            "commit",
        ]),
        clean: &["state"],
        masked: &["bed", "full_name"],
    },
    Scene {
        title: "A guess",
        about: "Who may not see a value may not find it out by comparing, either. The refusal says \
                which rule, and the session goes on.",
        identity: Identity::EtlBot,
        play: Play::Refused("select count(*) as matches from clinic.patients where ssn like '4%'"),
        clean: &[],
        masked: &["matches"],
    },
];

impl Play {
    /// The statements, for people.
    pub(super) fn statements(&self) -> Vec<String> {
        match self {
            Self::Simple(list) => list.iter().map(|sql| (*sql).to_owned()).collect(),
            Self::DescribedOnce { sql, values } => {
                vec![format!("{sql}   -- $1 = {}", values.join(", then "))]
            }
            Self::Binary(sql) | Self::Refused(sql) => vec![(*sql).to_owned()],
        }
    }

    /// Asks, and returns every message of the answers.
    ///
    /// # Errors
    /// Those of the connection. The server's errors are messages.
    pub(super) fn run(&self, client: &mut Raw) -> io::Result<Vec<Frame>> {
        match self {
            Self::Simple(list) => {
                let mut frames = Vec::new();
                for sql in *list {
                    frames.extend(client.simple(sql)?);
                }
                Ok(frames)
            }
            Self::Refused(sql) => client.simple(sql),
            Self::DescribedOnce { sql, values } => described_once(client, sql, values),
            Self::Binary(sql) => {
                client.send(|buffer| {
                    frontend::parse("", sql, [], buffer)?;
                    bind("", &[], 1, buffer)?;
                    frontend::describe(b'P', "", buffer)?;
                    frontend::execute("", 0, buffer)?;
                    frontend::sync(buffer);
                    Ok(())
                })?;
                client.until_ready()
            }
        }
    }
}

fn described_once(client: &mut Raw, sql: &str, values: &[&str]) -> io::Result<Vec<Frame>> {
    const NAME: &str = "demo";
    client.send(|buffer| {
        frontend::parse(NAME, sql, [], buffer)?;
        frontend::describe(b'S', NAME, buffer)?;
        frontend::sync(buffer);
        Ok(())
    })?;
    let mut frames = client.until_ready()?;
    for value in values {
        client.send(|buffer| {
            bind(NAME, &[value], 0, buffer)?;
            frontend::execute("", 0, buffer)?;
            frontend::sync(buffer);
            Ok(())
        })?;
        frames.extend(client.until_ready()?);
    }
    Ok(frames)
}

/// A Bind message: parameters as text, all results in one format.
fn bind(
    statement: &str,
    values: &[&str],
    format: i16,
    buffer: &mut bytes::BytesMut,
) -> io::Result<()> {
    let put = |value: &&str, buffer: &mut bytes::BytesMut| {
        buffer.extend_from_slice(value.as_bytes());
        Ok(IsNull::No)
    };
    frontend::bind("", statement, [], values, put, [format], buffer).map_err(|error| match error {
        frontend::BindError::Serialization(source) => io::Error::other(source),
        frontend::BindError::Conversion(source) => io::Error::other(source),
    })
}
