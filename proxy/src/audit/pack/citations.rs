//! Which artefact answers which paragraph of HIPAA's rules (45 CFR part 164).
//!
//! An artefact shows what the gateway did. Whether that is what a paragraph asks of an
//! organisation as a whole is for the auditor to say.

/// A paragraph.
pub struct Citation {
    /// 45 CFR …
    pub paragraph: &'static str,
    /// What it asks for, in few words.
    pub asks: &'static str,
    /// What in the pack speaks to it.
    pub shows: &'static str,
    /// The files, relative to the pack.
    pub files: &'static [&'static str],
}

const APPROVALS: &str = "artefacts/approvals.csv";
const SESSIONS: &str = "artefacts/sessions.csv";
const MASKING: &str = "artefacts/masking.csv";
const GRANTS: &str = "artefacts/grants.csv";
const STATEMENTS: &str = "artefacts/statements.csv";
const ADMIN: &str = "artefacts/admin.csv";
const REPORT: &str = "report.html";

/// All, in the order of the rules.
pub const CITATIONS: &[Citation] = &[
    Citation {
        paragraph: "164.308(a)(1)(ii)(D)",
        asks: "Review records of information system activity",
        shows: "sessions, statements and masked cells by day, identity and resource",
        files: &[REPORT, SESSIONS, STATEMENTS],
    },
    Citation {
        paragraph: "164.308(a)(3)(ii)(A)",
        asks: "Authorise and supervise workforce and software that reaches ePHI",
        shows: "who asked for access, who agreed and why",
        files: &[APPROVALS],
    },
    Citation {
        paragraph: "164.308(a)(3)(ii)(C)",
        asks: "Terminate access when it is over",
        shows: "when each grant was revoked or expired; keys that were revoked",
        files: &[GRANTS, ADMIN],
    },
    Citation {
        paragraph: "164.308(a)(4)(ii)(B)-(C)",
        asks: "Authorise, establish and modify access",
        shows: "each grant from request to end, with reason, rationale, scope and window",
        files: &[GRANTS, APPROVALS],
    },
    Citation {
        paragraph: "164.308(a)(5)(ii)(C)",
        asks: "Monitor log-in attempts",
        shows: "sessions that were opened, and connections that were refused with the reason",
        files: &[SESSIONS, REPORT],
    },
    Citation {
        paragraph: "164.308(a)(6)(ii)",
        asks: "Respond to and document security incidents",
        shows: "who saw what in the period, `unknown` where an end is not known",
        files: &[STATEMENTS, MASKING, SESSIONS],
    },
    Citation {
        paragraph: "164.308(a)(8)",
        asks: "Evaluate technical safeguards",
        shows: "configurations in force, by hash and as text where it was kept",
        files: &["configurations", ADMIN],
    },
    Citation {
        paragraph: "164.312(a)(1)",
        asks: "Allow access only to persons or software programs with access rights",
        shows: "the decision about each statement, with the policy that made it",
        files: &[STATEMENTS, GRANTS],
    },
    Citation {
        paragraph: "164.312(a)(2)(i)",
        asks: "Unique user identification",
        shows: "the identity of each session and statement, and who vouches for it",
        files: &[SESSIONS, STATEMENTS],
    },
    Citation {
        paragraph: "164.312(a)(2)(ii)",
        asks: "Emergency access procedure",
        shows: "break-glass grants, marked as alarms, with their reviews",
        files: &[GRANTS, APPROVALS],
    },
    Citation {
        paragraph: "164.312(b)",
        asks: "Record and examine activity",
        shows: "the records themselves, and this pack",
        files: &["log", REPORT],
    },
    Citation {
        paragraph: "164.312(c)(1)-(2)",
        asks: "Protect from improper alteration; a mechanism to corroborate that",
        shows: "the records' Merkle tree, its signed checkpoint, and proofs (of the records)",
        files: &["log/checkpoint", "manifest.json", "manifest.note"],
    },
    Citation {
        paragraph: "164.312(d)",
        asks: "Verify who seeks access",
        shows: "the method by which each session proved itself; issuer, subject and chain",
        files: &[SESSIONS],
    },
    Citation {
        paragraph: "164.312(e)(1)",
        asks: "Guard against access in transmission",
        shows: "TLS towards client and database, for each session",
        files: &[SESSIONS],
    },
    Citation {
        paragraph: "164.316(b)(1)-(2)",
        asks: "Document actions and keep them for six years",
        shows: "records with their times; what was deleted when due, and legal holds",
        files: &["log", ADMIN],
    },
    Citation {
        paragraph: "164.402(2)",
        asks: "Assess what was exposed, and whether it was acquired or viewed",
        shows: "rows and masked cells of each statement: see `velum audit exposure`",
        files: &[STATEMENTS, MASKING],
    },
    Citation {
        paragraph: "164.502(b), 164.514(d)",
        asks: "Minimum necessary",
        shows: "what was asked for, refused and masked; scope of each grant",
        files: &[STATEMENTS, MASKING, GRANTS],
    },
    Citation {
        paragraph: "164.528",
        asks: "Account for disclosures",
        shows: "statements that name a subject by its token: see `velum audit disclosures`",
        files: &[STATEMENTS],
    },
    Citation {
        paragraph: "164.530(j)",
        asks: "Retain documentation for six years",
        shows: "as 164.316(b)",
        files: &["log", ADMIN],
    },
];
