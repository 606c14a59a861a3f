//! Any text as a SAML response: nothing panics, and what is let through has one assertion and
//! nothing that could be read in two ways.
//!
//! The check is a part of the gateway's crate, which is too large to be built for this alone: its
//! two files are taken as they are.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rejected::Rejected;

#[allow(dead_code, reason = "the gateway has more reasons than a look at the shape")]
#[path = "../../proxy/src/identity/saml/rejected.rs"]
mod rejected;
#[path = "../../proxy/src/identity/saml/shape.rs"]
mod shape;

fuzz_target!(|bytes: &[u8]| {
    let Ok(xml) = std::str::from_utf8(bytes) else {
        return;
    };
    if shape::check(xml).is_err() {
        return;
    }
    assert!(!xml.contains("<!"), "a comment, CDATA or a document type");
    // Nothing that could be put behind it goes unseen.
    for more in ["<!---->", "<?x?>", "<a/>", xml] {
        assert!(shape::check(&format!("{xml}{more}")).is_err(), "{more}");
    }
});
