//! SAML 2.0: a log-in at npm's samlify, and everything that a forger with PyPI's signxml would try.

use base64::prelude::{BASE64_STANDARD, Engine};
use rcgen::{CertificateParams, KeyPair, RsaKeySize};
use tempfile::TempDir;

use super::browser::{Browser, Seen, query};
use super::support::gateway::free_port;
use super::world::{COOKIE, Program, World};

fn decode(text: &str) -> String {
    let bytes = BASE64_STANDARD
        .decode(text)
        .unwrap_or_else(|_| panic!("no Base64: {text}"));
    String::from_utf8(bytes).expect("text")
}

/// An identity provider's section, with its metadata in a file.
fn section(folder: &TempDir, name: &str, metadata: &str, more: &str) -> String {
    let path = folder.path().join(format!("{name}.xml"));
    std::fs::write(&path, metadata).expect("written");
    format!(
        "[[saml]]\nname = \"{name}\"\nmetadata = \"{}\"\nclock_skew_ms = 2_000\n\
         roles = {{ leads = \"approver\", ops = \"admin\" }}\n{more}\n",
        path.display()
    )
}

/// The address that a browser is sent to, and the state that it brings back.
fn begin(world: &World, browser: &mut Browser, name: &str, how: &str) -> (String, String) {
    let begun = browser.get(&world.at(&format!("/api/v1/login/saml/{name}{how}")));
    assert_eq!(begun.status, 303, "{}", begun.body);
    let there = begun.location.expect("a redirect");
    let state = query(&there)["RelayState"].clone();
    (there, state)
}

fn bring(world: &World, browser: &mut Browser, name: &str, response: &str, state: &str) -> Seen {
    let acs = world.at(&format!("/api/v1/login/saml/{name}/acs"));
    browser.form(&acs, &[("SAMLResponse", response), ("RelayState", state)])
}

/// A gateway and a real provider that know each other.
fn hospital(folder: &TempDir) -> (Program, World) {
    let pair = KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_2048);
    let pair = pair.expect("a key");
    let params = CertificateParams::new(vec!["idp.example".to_owned()]).expect("parameters");
    let certificate = params.self_signed(&pair).expect("a certificate");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path.display().to_string()
    };
    let mut identity = Program::start(
        "identity.js",
        &[
            ("IDENTITY_KEY", file("idp.key", &pair.serialize_pem())),
            ("IDENTITY_CERT", file("idp.pem", &certificate.pem())),
        ],
    );
    let metadata = decode(&identity.tell("metadata"));
    let world = World::new(free_port(), &section(folder, "hospital", &metadata, ""));
    let own = world
        .browser()
        .get(&world.at("/api/v1/login/saml/hospital/metadata"));
    assert_eq!(own.kind, "application/samlmetadata+xml");
    assert!(
        own.body
            .contains(&world.at("/api/v1/login/saml/hospital/acs")),
        "{}",
        own.body
    );
    assert_eq!(
        identity.tell(&format!("gateway {}", BASE64_STANDARD.encode(&own.body))),
        "done"
    );
    (identity, world)
}

/// A real provider's response lets a person in; a step-up and a session are as any other.
pub fn logs_in() {
    let folder = TempDir::with_prefix("velum-saml-").expect("a folder");
    let (mut identity, mut world) = hospital(&folder);
    let mut ann = world.browser();
    let (there, state) = begin(&world, &mut ann, "hospital", "?prompt=login");
    assert!(there.starts_with("https://idp.example/sso?"), "{there}");
    let response = identity.tell(&format!("answer ann {there}"));
    let seen = bring(&world, &mut ann, "hospital", &response, &state);
    assert_eq!(seen.status, 303, "{}\n{:#?}", seen.body, world.records());
    assert_eq!(seen.location.as_deref(), Some("/api/v1/me"));
    let me = world.me(&mut ann).json();
    assert_eq!(me["id"], "ann", "{me}");
    assert_eq!(me["roles"], serde_json::json!(["approver"]));
    assert_eq!(me["is_fresh"], true);
    assert_eq!(
        me["login"],
        world.at("/api/v1/login/saml/hospital?prompt=login")
    );
    assert_eq!(world.next(), ("logged_in".to_owned(), String::new()));

    // Of another browser, of another issuer's, and by a state that was used.
    let (there, state) = begin(&world, &mut ann, "hospital", "");
    let response = identity.tell(&format!("answer root {there}"));
    let seen = bring(&world, &mut world.browser(), "hospital", &response, &state);
    let why = "the browser has begun no log-in: its cookie is missing";
    assert_eq!(world.refused(&seen), why);
    let seen = bring(&world, &mut ann, "hospital", &response, &state);
    assert_eq!(world.refused(&seen), "the log-in was answered before");
    let seen = bring(&world, &mut ann, "hospital", &response, "made-up");
    assert_eq!(world.refused(&seen), "no such log-in is under way");
    let (there, state) = begin(&world, &mut ann, "hospital", "");
    let response = identity.tell(&format!("answer nobody {there}"));
    let seen = bring(&world, &mut ann, "hospital", &response, &state);
    assert_eq!(
        world.refused(&seen),
        "none of their groups may do anything here"
    );
    assert_eq!(
        world.me(&mut ann).json()["id"],
        "ann",
        "she is still who she was"
    );
    assert!(world.gateway.stop(), "it drains");
}

/// Ways to spoil a response, and why each is refused.
const WAYS: &[(&str, &str)] = &[
    ("unsigned", "the assertion is not signed"),
    ("response-signed", "the assertion is not signed"),
    (
        "stranger",
        "the signature is wrong, or by no key of the identity provider",
    ),
    (
        "name",
        "the signature is wrong, or by no key of the identity provider",
    ),
    (
        "groups",
        "the signature is wrong, or by no key of the identity provider",
    ),
    (
        "no-signature-value",
        "the signature is wrong, or by no key of the identity provider",
    ),
    ("sha1", "the signature is by an algorithm that is refused"),
    ("hmac", "the signature is by an algorithm that is refused"),
    (
        "whole-document",
        "a signature or an assertion is not where it belongs",
    ),
    (
        "xsw1",
        "a signature or an assertion is not where it belongs",
    ),
    (
        "xsw2",
        "a signature or an assertion is not where it belongs",
    ),
    ("xsw3", "the response has several assertions"),
    ("xsw4", "the response has several assertions"),
    ("xsw5", "the response has several assertions"),
    ("xsw6", "the response has several assertions"),
    (
        "xsw7",
        "a signature or an assertion is not where it belongs",
    ),
    (
        "xsw8",
        "a signature or an assertion is not where it belongs",
    ),
    ("several", "the response has several assertions"),
    ("id-twice", "an ID of the response is given twice"),
    ("comment", "the response has a comment"),
    ("cdata", "the response has a CDATA section"),
    ("instruction", "the response has a processing instruction"),
    ("doctype", "the response has a document type"),
    ("entity", "the response refers to an entity"),
    ("large", "the response is too large, or nested too deeply"),
];

const MORE_WAYS: &[(&str, &str)] = &[
    ("deep", "the response is too large, or nested too deeply"),
    ("encrypted", "the assertion is encrypted"),
    ("no-xml", "the response is not well-formed XML"),
    ("logout", "it is no SAML response"),
    ("audience", "the assertion is for another audience"),
    ("no-audience", "the assertion is for another audience"),
    ("expired", "the assertion is not valid yet, or not any more"),
    ("not-yet", "the assertion is not valid yet, or not any more"),
    (
        "confirmation-expired",
        "the assertion is not valid yet, or not any more",
    ),
    (
        "recipient",
        "the assertion is not confirmed for whoever brings it here now",
    ),
    (
        "no-recipient",
        "the assertion is not confirmed for whoever brings it here now",
    ),
    (
        "method",
        "the assertion is not confirmed for whoever brings it here now",
    ),
    ("confirmed-to", "the response answers another request"),
    ("response-to", "the response answers another request"),
    ("destination", "the response is for another address"),
    ("issuer", "the response is of another identity provider"),
    ("sender", "the response is of another identity provider"),
    ("status", "the identity provider has not let them in"),
    (
        "condition",
        "the assertion has a condition that is not understood",
    ),
    (
        "session-over",
        "the assertion is not valid yet, or not any more",
    ),
    (
        "no-statement",
        "the assertion does not say exactly once who has shown who they are",
    ),
    ("transient", "their name is a transient one"),
    (
        "letters",
        "their name is not printable ASCII of at most 255 characters",
    ),
    ("long", "the assertion's groups are invalid"),
    ("no-groups", "none of their groups may do anything here"),
];

/// All are refused, each told the same, each on record by its own reason.
pub fn refused() {
    forged(WAYS);
}

pub fn refused_as_well() {
    forged(MORE_WAYS);
}

fn forged(ways: &[(&str, &str)]) {
    let folder = TempDir::with_prefix("velum-saml-").expect("a folder");
    let (mut forge, mut world) = forge(&folder, "");
    let mut ann = world.browser();
    let mut wrong = Vec::new();
    for (way, why) in ways {
        let (there, state) = begin(&world, &mut ann, "forge", "");
        let response = forge.tell(&format!("forge {way} {there}"));
        let seen = bring(&world, &mut ann, "forge", &response, &state);
        let reason = world.refused(&seen);
        if reason != *why {
            wrong.push(format!("{way}: {reason}"));
        }
        assert!(ann.cookie("localhost", COOKIE).is_none(), "{way}");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    // And what is not spoilt is taken, so that it was not refused for something else.
    let (there, state) = begin(&world, &mut ann, "forge", "");
    let response = forge.tell(&format!("forge again {there}"));
    let seen = bring(&world, &mut ann, "forge", &response, &state);
    assert_eq!(
        seen.status,
        303,
        "{}\n{:#?}",
        seen.body,
        world.records().last()
    );
}

fn forge(folder: &TempDir, more: &str) -> (Program, World) {
    let port = free_port();
    let base = format!("https://localhost:{port}/api/v1/login/saml/forge");
    let mut forge = Program::start(
        "forge.py",
        &[
            ("ACS", format!("{base}/acs")),
            ("SP", format!("{base}/metadata")),
        ],
    );
    let metadata = decode(&forge.tell("metadata"));
    let world = World::new(port, &section(folder, "forge", &metadata, more));
    (forge, world)
}

/// An assertion is used once, over a restart neither; and nobody is let in who was not asked.
pub fn once() {
    let folder = TempDir::with_prefix("velum-saml-").expect("a folder");
    let (mut program, mut world) = forge(&folder, "idp_initiated = true\n");
    let mut ann = world.browser();
    let (there, state) = begin(&world, &mut ann, "forge", "?prompt=login");
    let response = program.tell(&format!("forge old {there}"));
    let seen = bring(&world, &mut ann, "forge", &response, &state);
    let why = "they showed who they are before they were asked to do so again";
    assert_eq!(world.refused(&seen), why);
    let (there, state) = begin(&world, &mut ann, "forge", "");
    let response = program.tell(&format!("forge good {there}"));
    let seen = bring(&world, &mut ann, "forge", &response, &state);
    assert_eq!(seen.status, 303, "{}", seen.body);

    // The same IDs again, in answer to another request.
    world.gateway.restart();
    super::code::wait(&world);
    let (there, state) = begin(&world, &mut ann, "forge", "");
    let response = program.tell(&format!("forge good {there}"));
    let seen = bring(&world, &mut ann, "forge", &response, &state);
    assert_eq!(world.refused(&seen), "the assertion was used before");

    // An answer to a request is no answer that nobody asked for.
    let acs = world.at("/api/v1/login/saml/forge/acs");
    let seen = ann.form(&acs, &[("SAMLResponse", &response)]);
    assert_eq!(world.refused(&seen), "the response answers another request");
    let seen = ann.form(&acs, &[("SAMLResponse", "%%%")]);
    assert_eq!(world.refused(&seen), "the response is not Base64");
    let seen = ann.form(&acs, &[("SAMLResponse", &response), ("SAMLResponse", "")]);
    assert_eq!(world.refused(&seen), "the answer has a parameter twice");
    let seen = ann.form(&acs, &[]);
    assert_eq!(world.refused(&seen), "there is no response");
    let seen = ann.form(&acs, &[("SAMLResponse", &"A".repeat(600 * 1024))]);
    assert_eq!(
        world.refused(&seen),
        "the response is too large, or nested too deeply"
    );
}
