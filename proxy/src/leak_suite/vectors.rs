//! The questions, as `corpus/leaks` declares them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The tables that every vector asks about.
pub const SCHEMA: &str = include_str!("../../../corpus/leaks/schema.sql");
const VECTORS: &str = include_str!("../../../corpus/leaks/vectors.toml");
const BENIGN: &str = include_str!("../../../corpus/leaks/benign.toml");

/// The groups, in the order in which they are run and shown.
pub const GROUPS: [&str; 14] = [
    "frames",
    "formats",
    "prepared state",
    "copy",
    "errors and notices",
    "derived values",
    "documents",
    "encodings",
    "catalog side doors",
    "oracles",
    "splits",
    "async channels",
    "laundering",
    "benign",
];

/// Everything that the corpus declares.
pub struct Suite {
    /// Classes of threats: what the vectors' `threats` refer to.
    pub threats: Vec<Threat>,
    /// What a proxy has to be configured for.
    pub masked: Vec<Masked>,
    /// The vectors, by group.
    pub vectors: Vec<Vector>,
}

/// A class of ways around a gateway.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Threat {
    /// Its word.
    pub key: String,
    /// What it is.
    pub what: String,
}

/// What the policy of the proxy under test has to mask.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Masked {
    /// The column, with its table.
    pub column: String,
    /// How much of it.
    pub how: String,
}

/// One question, or a few of a kind.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vector {
    /// Its name.
    pub id: String,
    /// One of [`GROUPS`].
    pub group: String,
    /// What it is about.
    pub title: String,
    /// Keys of [`Threat`].
    #[serde(default)]
    pub threats: Vec<String>,
    /// What has to become of it.
    #[serde(default)]
    pub expect: Expect,
    /// Texts, each sent in each of `ways`; a list is sent one after the other.
    #[serde(default)]
    pub sql: Vec<Texts>,
    /// How `sql`, `right` and `wrong` are sent.
    #[serde(default = "all_ways")]
    pub ways: Vec<Way>,
    /// What is sent in ways of its own.
    #[serde(default)]
    pub steps: Vec<Step>,
    /// Guesses that are right, for `same-answer`.
    #[serde(default)]
    pub right: Vec<Texts>,
    /// As many that are wrong.
    #[serde(default)]
    pub wrong: Vec<Texts>,
    /// Sent past the proxy before, by a session that stays.
    #[serde(default)]
    pub before: Vec<String>,
    /// Sent past the proxy afterwards.
    #[serde(default)]
    pub after: Vec<String>,
    /// Places of columns, from 1, that come masked, for `works`.
    #[serde(default)]
    pub masked: Vec<usize>,
    /// Ending the connection is a right answer.
    #[serde(default)]
    pub may_close: bool,
    /// The database answers through [`super::relay`].
    #[serde(default)]
    pub relay: bool,
    /// Another password than the right one.
    pub password: Option<String>,
    /// Startup parameters.
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
    /// Bytes that come before any other.
    #[serde(default)]
    pub opening: Vec<u8>,
}

/// What has to become of a vector.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum Expect {
    /// No canary in any form in any byte.
    #[default]
    Hidden,
    /// That, and no cell as the database returns it.
    Untold,
    /// Right and wrong guesses are answered alike.
    SameAnswer,
    /// It runs, and columns without PHI are as the database returns them.
    Works,
    /// No session comes of it.
    Closed,
}

/// One text, or several that are sent one after the other.
#[derive(Clone, Deserialize)]
#[serde(untagged)]
pub enum Texts {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

/// How a text is sent.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// Query.
    Simple,
    /// Parse, Bind, Describe, Execute, for results in text form.
    Text,
    /// The same, in binary form.
    Binary,
    /// Parse and Describe of a named statement.
    Prepare,
    /// Bind and Execute of it, without a Describe.
    Run,
    /// Execute for a few rows, several times.
    Rows,
    /// A COPY to the client.
    Copy,
    /// Past the proxy, by another session.
    Aside,
    /// Query, and each byte as it is; raw frames only.
    Bytes,
    /// All texts as extended queries in front of one Sync; raw frames only.
    Pipeline,
    /// FunctionCall; raw frames only.
    Call,
    /// Any frame; raw frames only.
    Frame,
}

/// One thing to send.
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// How.
    pub send: Way,
    /// The text; of a FunctionCall the function with its types; of a frame its body.
    #[serde(default)]
    pub sql: String,
    /// More texts of a pipeline.
    #[serde(default, skip_serializing)]
    pub more: Vec<String>,
    /// A statement's name, a FunctionCall's argument, or a frame's type.
    #[serde(default)]
    pub name: String,
    /// Of results: 0 for text, 1 for binary.
    #[serde(default)]
    pub format: i16,
    /// Rows of each Execute.
    #[serde(default)]
    pub limit: i32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    threat: Vec<Threat>,
    #[serde(default)]
    masked: Vec<Masked>,
    vector: Vec<Vector>,
}

fn all_ways() -> Vec<Way> {
    vec![Way::Simple, Way::Text, Way::Binary]
}

impl Texts {
    fn steps(&self, way: Way) -> Vec<Step> {
        let texts = match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Many(texts) => texts.as_slice(),
        };
        texts.iter().map(|text| Step::of(way, text)).collect()
    }
}

impl Step {
    /// A text sent in a way that needs nothing else.
    pub fn of(send: Way, sql: &str) -> Self {
        Self {
            send,
            sql: sql.to_owned(),
            more: Vec::new(),
            name: String::new(),
            format: 0,
            limit: 0,
        }
    }
}

impl Vector {
    /// What is sent, by question: the answer to a question is judged as one. A right guess is
    /// followed by its wrong one.
    pub fn questions(&self) -> Vec<Vec<Step>> {
        let mut all = Vec::new();
        for way in &self.ways {
            all.extend(self.sql.iter().map(|text| text.steps(*way)));
            for (right, wrong) in self.right.iter().zip(&self.wrong) {
                all.push(right.steps(*way));
                all.push(wrong.steps(*way));
            }
        }
        if !self.steps.is_empty() {
            all.push(self.steps.clone());
        }
        all
    }

    /// Only a client of raw frames can ask this.
    pub fn needs_frames(&self) -> bool {
        let raw = [Way::Bytes, Way::Pipeline, Way::Call, Way::Frame];
        let of_frames = |way: &Way| raw.contains(way);
        self.relay
            || self.expect == Expect::Closed
            || self.password.is_some()
            || !self.parameters.is_empty()
            || self.ways.iter().any(of_frames)
            || self.steps.iter().any(|step| of_frames(&step.send))
    }
}

/// Everything that the corpus declares, checked.
///
/// # Errors
/// What is wrong with the files, which come with the program: a test reads them.
pub fn load() -> Result<Suite, String> {
    let read = |name: &str, text: &str| -> Result<File, String> {
        toml::from_str(text).map_err(|error| format!("corpus/leaks/{name}: {error}"))
    };
    let mut file = read("vectors.toml", VECTORS)?;
    file.vector.extend(read("benign.toml", BENIGN)?.vector);
    let place = |vector: &Vector| GROUPS.iter().position(|group| *group == vector.group);
    for (index, vector) in file.vector.iter().enumerate() {
        let complain = |what: &str| Err(format!("vector {}: {what}", vector.id));
        let earlier = file.vector.iter().take(index);
        if earlier.map(|it| &it.id).any(|id| *id == vector.id) {
            return complain("there are two of this id");
        }
        if place(vector).is_none() {
            return complain("its group is none");
        }
        if vector.right.len() != vector.wrong.len() {
            return complain("right and wrong guesses are not as many");
        }
        if (vector.expect == Expect::SameAnswer) == vector.right.is_empty() {
            return complain("guesses and `same-answer` go together");
        }
        if (vector.expect == Expect::Works) != (vector.group == "benign") {
            return complain("what works is benign");
        }
        if vector.expect != Expect::Works && vector.threats.is_empty() {
            return complain("it is about no threat");
        }
        for key in &vector.threats {
            if !file.threat.iter().any(|threat| threat.key == *key) {
                return complain(&format!("nothing is said of the threat `{key}`"));
            }
        }
    }
    file.vector.sort_by_key(place);
    Ok(Suite {
        threats: file.threat,
        masked: file.masked,
        vectors: file.vector,
    })
}

/// Schema and requirements, for whoever sets up a proxy.
pub fn requirements(suite: &Suite) -> String {
    let mut text = String::from(SCHEMA);
    text.push_str("\n-- The policy of the identity that the suite logs in as has to mask:\n--\n");
    for masked in &suite.masked {
        text.push_str(&format!("--   {:<28} {}\n", masked.column, masked.how));
    }
    text
}

/// The classes of threats with their vectors, as a table of Markdown.
pub fn table(suite: &Suite) -> String {
    let mut text = String::from("| threat | vectors |\n| --- | --- |\n");
    for threat in &suite.threats {
        let vectors = suite.vectors.iter();
        let about = vectors.filter(|vector| vector.threats.contains(&threat.key));
        let ids: Vec<String> = about.map(|vector| format!("`{}`", vector.id)).collect();
        text.push_str(&format!("| {} | {} |\n", threat.what, ids.join(", ")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suite() -> Suite {
        load().unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn there_are_enough_of_each() {
        let suite = suite();
        let benign = suite.vectors.iter().filter(|it| it.group == "benign");
        let benign = benign.count();
        assert!(benign >= 25, "{benign} benign ones");
        assert!(suite.vectors.len() - benign >= 60);
        for group in GROUPS {
            assert!(suite.vectors.iter().any(|it| it.group == group), "{group}");
        }
    }

    #[test]
    fn every_threat_has_a_vector() {
        let suite = suite();
        for threat in &suite.threats {
            let mut vectors = suite.vectors.iter();
            assert!(
                vectors.any(|it| it.threats.contains(&threat.key)),
                "{}",
                threat.key
            );
        }
    }

    #[test]
    fn right_guesses_are_followed_by_wrong_ones() {
        let suite = suite();
        let mut oracles = suite.vectors.iter();
        let oracle = oracles.find(|it| it.expect == Expect::SameAnswer);
        let questions = oracle.expect("an oracle").questions();
        assert_eq!(questions.len() % 2, 0);
        assert_ne!(questions[0][0].sql, questions[1][0].sql);
    }
}
