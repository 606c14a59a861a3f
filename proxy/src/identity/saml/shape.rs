//! What a response looks like before anybody believes it: one document without a second meaning,
//! one assertion, and signatures where they belong, each over the element that it stands in.
//!
//! Signature wrapping lives on two readers that look at two elements: here there is only one that
//! either could look at. Comments, which canonicalization drops and a reader may stop at, are
//! refused, as are entities, CDATA, processing instructions and document types.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::Rejected;

/// How deep elements may lie in each other, and how many there may be.
const DEPTH: usize = 32;
const ELEMENTS: usize = 4_096;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// The whole response is signed, besides its assertion.
    pub response_signed: bool,
    /// Whom the response itself names as its sender.
    pub sender: Option<String>,
    /// The context in which somebody has shown who they are.
    pub context: Option<String>,
}

/// Looks at a response. Names count whatever their namespaces: whoever reads them wrongly finds
/// nothing else.
///
/// # Errors
/// Whatever is not exactly what an identity provider writes.
pub fn check(xml: &str) -> Result<Shape, Rejected> {
    let mut reader = Reader::from_str(xml);
    reader.config_mut().check_end_names = true;
    let mut walk = Walk::default();
    loop {
        match reader.read_event().map_err(|_| Rejected::NotXml)? {
            Event::Start(element) => walk.enter(&element)?,
            Event::Empty(element) => {
                walk.enter(&element)?;
                walk.leave();
            }
            Event::End(_) => walk.leave(),
            Event::Text(text) => walk.text(&text),
            Event::Decl(declaration) if walk.count == 0 && is_usual(&declaration) => {}
            Event::Decl(_) | Event::PI(_) => return Err(Rejected::Instruction),
            Event::CData(_) => return Err(Rejected::CharacterData),
            Event::Comment(_) => return Err(Rejected::Comment),
            Event::DocType(_) => return Err(Rejected::DocType),
            Event::GeneralRef(name) => walk.reference(&name)?,
            Event::Eof => break,
        }
    }
    walk.finish()
}

/// `xml version="1.0" encoding="UTF-8"` and the like: no other encoding, and nothing else.
fn is_usual(declaration: &str) -> bool {
    const KNOWN: &[&str] = &[
        "xml",
        "version='1.0'",
        "encoding='utf-8'",
        "standalone='yes'",
        "standalone='no'",
    ];
    let plain = declaration.to_ascii_lowercase().replace('"', "'");
    plain
        .split_ascii_whitespace()
        .all(|word| KNOWN.contains(&word))
}

#[derive(Default)]
struct Walk {
    /// Names from the root to where it is.
    path: Vec<String>,
    count: usize,
    ids: Vec<String>,
    response_id: Option<String>,
    assertion_id: Option<String>,
    assertions: usize,
    subjects: usize,
    statements: usize,
    /// What each signature refers to.
    response_refs: Vec<String>,
    assertion_refs: Vec<String>,
    response_signatures: usize,
    assertion_signatures: usize,
    sender: Option<String>,
    context: Option<String>,
}

const RESPONSE: &str = "Response";
const ASSERTION: &str = "Assertion";
const SIGNATURE: &str = "Signature";
const SIGNED_BY: &[&str] = &[
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384",
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512",
];
const DIGESTED_BY: &[&str] = &[
    "http://www.w3.org/2001/04/xmlenc#sha256",
    "http://www.w3.org/2001/04/xmldsig-more#sha384",
    "http://www.w3.org/2001/04/xmlenc#sha512",
];

impl Walk {
    fn at(&self, path: &[&str]) -> bool {
        self.path.iter().eq(path)
    }

    fn enter(&mut self, element: &BytesStart<'_>) -> Result<(), Rejected> {
        let name = element.local_name().as_ref().to_owned();
        self.count += 1;
        if self.path.is_empty() && self.count > 1 {
            return Err(Rejected::NotXml);
        }
        self.path.push(name);
        if self.path.len() > DEPTH || self.count > ELEMENTS {
            return Err(Rejected::Oversized);
        }
        // A reader that is strict would begin another element there.
        if element.contains('<') {
            return Err(Rejected::NotXml);
        }
        let mut id = None;
        let (mut uri, mut algorithm) = (None, None);
        for attribute in element.attributes() {
            let attribute = attribute.map_err(|_| Rejected::NotXml)?;
            let value = attribute.value.into_owned();
            let name = attribute.key.local_name();
            let name: &str = name.as_ref();
            if name.eq_ignore_ascii_case("id") {
                if self.ids.contains(&value) || id.is_some() {
                    return Err(Rejected::IdTwice);
                }
                self.ids.push(value.clone());
                id = Some(value);
            } else if name == "URI" {
                uri = Some(value);
            } else if name == "Algorithm" {
                algorithm = Some(value);
            }
        }
        self.method(algorithm.as_deref())?;
        self.element(id, uri)
    }

    /// RSA with SHA-2 is all that signs: no shared secret, and nothing that was broken.
    fn method(&self, algorithm: Option<&str>) -> Result<(), Rejected> {
        let known: &[&str] = match self.path.last().map(String::as_str) {
            Some("SignatureMethod") => SIGNED_BY,
            Some("DigestMethod") => DIGESTED_BY,
            _ => return Ok(()),
        };
        match algorithm.is_some_and(|algorithm| known.contains(&algorithm)) {
            true => Ok(()),
            false => Err(Rejected::AlgorithmRefused),
        }
    }

    fn element(&mut self, id: Option<String>, uri: Option<String>) -> Result<(), Rejected> {
        let depth = self.path.len();
        let name = self.path.last().map_or("", String::as_str);
        let in_signature = self.path[..depth - 1].iter().any(|it| it == SIGNATURE);
        match name {
            _ if depth == 1 && name != RESPONSE => return Err(Rejected::NotAResponse),
            RESPONSE if depth > 1 => return Err(Rejected::Wrapped),
            RESPONSE => self.response_id = id,
            "EncryptedAssertion" | "EncryptedID" | "EncryptedAttribute" => {
                return Err(Rejected::Encrypted);
            }
            ASSERTION => {
                self.assertions += 1;
                if self.assertions > 1 {
                    return Err(Rejected::AssertionsSeveral);
                }
                if !self.at(&[RESPONSE, ASSERTION]) {
                    return Err(Rejected::Wrapped);
                }
                self.assertion_id = id;
            }
            SIGNATURE if self.at(&[RESPONSE, SIGNATURE]) => self.response_signatures += 1,
            SIGNATURE if self.at(&[RESPONSE, ASSERTION, SIGNATURE]) => {
                self.assertion_signatures += 1;
            }
            SIGNATURE => return Err(Rejected::Wrapped),
            "Object" | "Manifest" if in_signature => return Err(Rejected::Wrapped),
            "Reference" if in_signature => {
                let refs = match self.path.get(1).map(String::as_str) {
                    Some(ASSERTION) => &mut self.assertion_refs,
                    _ => &mut self.response_refs,
                };
                refs.push(uri.unwrap_or_default());
            }
            "Subject" => {
                self.subjects += 1;
                if !self.at(&[RESPONSE, ASSERTION, "Subject"]) {
                    return Err(Rejected::Wrapped);
                }
            }
            "AuthnStatement" => self.statements += 1,
            _ => {}
        }
        Ok(())
    }

    fn leave(&mut self) {
        self.path.pop();
    }

    fn text(&mut self, text: &str) {
        let path = [
            RESPONSE,
            ASSERTION,
            "AuthnStatement",
            "AuthnContext",
            "AuthnContextClassRef",
        ];
        if self.at(&[RESPONSE, "Issuer"]) {
            self.sender.get_or_insert_default().push_str(text);
        }
        if self.at(&path) {
            self.context.get_or_insert_default().push_str(text);
        }
    }

    /// `&amp;` and the like, and characters by number, which no name here is written with.
    fn reference(&mut self, name: &str) -> Result<(), Rejected> {
        let known = [
            ("amp", "&"),
            ("lt", "<"),
            ("gt", ">"),
            ("quot", "\""),
            ("apos", "'"),
        ];
        match known.iter().find(|(known, _)| *known == name) {
            Some((_, text)) => self.text(text),
            None if name.starts_with('#') => self.text("\u{fffd}"),
            None => return Err(Rejected::Entity),
        }
        Ok(())
    }

    fn finish(self) -> Result<Shape, Rejected> {
        if !self.path.is_empty() || self.count == 0 {
            return Err(Rejected::NotXml);
        }
        if self.assertions == 0 {
            return Err(Rejected::AssertionMissing);
        }
        if self.assertion_signatures == 0 {
            return Err(Rejected::Unsigned);
        }
        if self.assertion_signatures > 1 || self.response_signatures > 1 {
            return Err(Rejected::SignaturesSeveral);
        }
        let fits = |refs: &[String], id: &Option<String>| match (refs, id) {
            ([uri], Some(id)) => uri.strip_prefix('#') == Some(id.as_str()),
            _ => false,
        };
        let response_fits =
            self.response_signatures == 0 || fits(&self.response_refs, &self.response_id);
        if !fits(&self.assertion_refs, &self.assertion_id) || !response_fits {
            return Err(Rejected::Wrapped);
        }
        if self.subjects != 1 || self.statements != 1 {
            return Err(Rejected::StatementMissing);
        }
        Ok(Shape {
            response_signed: self.response_signatures == 1,
            sender: self.sender.map(|it| it.trim().to_owned()),
            context: self.context.map(|it| it.trim().to_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "<?xml version=\"1.0\"?><p:Response ID=\"r\"><a:Assertion ID=\"a\">\
        <d:Signature><d:SignedInfo><d:Reference URI=\"#a\"/></d:SignedInfo></d:Signature>\
        <a:Subject><a:NameID>ann&amp;co</a:NameID></a:Subject><a:AuthnStatement><a:AuthnContext>\
        <a:AuthnContextClassRef>urn:mfa</a:AuthnContextClassRef></a:AuthnContext>\
        </a:AuthnStatement></a:Assertion></p:Response>";

    #[test]
    fn one_assertion_that_is_signed_itself() {
        let shape = check(GOOD).unwrap();
        assert!(!shape.response_signed);
        assert_eq!(shape.context.as_deref(), Some("urn:mfa"));
        let signed = GOOD.replacen(
            "<a:Assertion",
            "<d:Signature><d:Reference URI=\"#r\"/></d:Signature><a:Assertion",
            1,
        );
        assert!(check(&signed).unwrap().response_signed);
    }

    const CASES: &[(&str, &str, Rejected)] = &[
        ("ann&amp;co", "ann<!-- -->co", Rejected::Comment),
        ("ann&amp;co", "<![CDATA[ann]]>", Rejected::CharacterData),
        ("ann&amp;co", "ann&who;", Rejected::Entity),
        ("ann&amp;co", "ann<?who?>", Rejected::Instruction),
        ("<p:Response", "<!DOCTYPE r><p:Response", Rejected::DocType),
        ("1.0\"", "1.0\" encoding=\"UTF-7\"", Rejected::Instruction),
        ("1.0\"", "1.0\" <x>", Rejected::Instruction),
        (
            "<a:Subject>",
            "<a:Assertion/><a:Subject>",
            Rejected::AssertionsSeveral,
        ),
        (
            "</p:Response>",
            "<a:Assertion/></p:Response>",
            Rejected::AssertionsSeveral,
        ),
        (
            "<a:Assertion",
            "<x><a:Assertion/></x><a:Assertion",
            Rejected::Wrapped,
        ),
        (
            "<d:SignedInfo>",
            "<d:Object/><d:SignedInfo>",
            Rejected::Wrapped,
        ),
        ("URI=\"#a\"", "URI=\"#r\"", Rejected::Wrapped),
        ("URI=\"#a\"", "URI=\"\"", Rejected::Wrapped),
        (
            "<d:Reference",
            "<d:Reference URI=\"#b\"/><d:Reference",
            Rejected::Wrapped,
        ),
        (
            "<d:SignedInfo>",
            "<d:SignedInfo Id=\"a\">",
            Rejected::IdTwice,
        ),
        ("d:Signature>", "d:Seal>", Rejected::NotXml),
        ("</p:Response>", "", Rejected::NotXml),
        (
            "<a:Subject>",
            "<x<a:Assertion/><a:Subject>",
            Rejected::NotXml,
        ),
        ("<a:Subject>", "<x y='<'/><a:Subject>", Rejected::NotXml),
        ("</p:Response>", "</p:Response><x/>", Rejected::NotXml),
        (
            "<a:NameID>",
            "<a:EncryptedID/><a:NameID>",
            Rejected::Encrypted,
        ),
        (
            "<a:Subject>",
            "<a:Subject/><a:Subject>",
            Rejected::StatementMissing,
        ),
    ];

    #[test]
    fn a_shared_secret_signs_nothing() {
        let sha1 = "http://www.w3.org/2000/09/xmldsig#sha1";
        for method in [
            "<d:SignatureMethod/>",
            &format!("<d:DigestMethod Algorithm='{sha1}'/>"),
        ] {
            let xml = GOOD.replacen("<d:SignedInfo>", &format!("<d:SignedInfo>{method}"), 1);
            assert_eq!(check(&xml), Err(Rejected::AlgorithmRefused), "{method}");
        }
    }

    #[test]
    fn whatever_has_a_second_meaning_is_refused() {
        for (from, to, expected) in CASES {
            assert_eq!(check(&GOOD.replacen(from, to, 1)), Err(*expected), "{to}");
        }
        let deep = GOOD.replacen("<a:NameID>", &"<x>".repeat(40), 1);
        assert_eq!(check(&deep), Err(Rejected::Oversized));
        let unsigned = GOOD.replace("d:Signature", "d:Seal");
        assert_eq!(check(&unsigned), Err(Rejected::Unsigned));
        let other = GOOD.replace("p:Response", "p:LogoutResponse");
        assert_eq!(check(&other), Err(Rejected::NotAResponse));
        let many = format!("<p:Response>{}</p:Response>", "<x/>".repeat(5_000));
        assert_eq!(check(&many), Err(Rejected::Oversized));
        assert_eq!(check(""), Err(Rejected::NotXml));
    }

    /// Pieces of responses, and what forgers put between them.
    const PIECES: &[&str] = &[
        "<a:Assertion ID=\"a\">",
        "</a:Assertion>",
        "<d:Signature>",
        "</d:Signature>",
        "<d:Reference URI=\"#a\"/>",
        "<p:Response ID=\"r\">",
        "</p:Response>",
        "<!--",
        "-->",
        "<![CDATA[",
        "]]>",
        "<!DOCTYPE r [",
        "<?x",
        "&who;",
        "&#0;",
        "<x a='<'/>",
        "ID=\"a\"",
        "\0",
    ];

    proptest::proptest! {
        /// Whatever is put in, taken out or doubled: nothing panics, and what is let through has
        /// one assertion and nothing that could be read in two ways.
        #[test]
        fn no_response_has_a_second_meaning(
            at in 0..GOOD.len(),
            cut in 0..40usize,
            pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..4),
        ) {
            let end = (at + cut).min(GOOD.len());
            let xml = format!("{}{}{}", &GOOD[..at], pieces.concat(), &GOOD[end..]);
            if check(&xml).is_ok() {
                proptest::prop_assert!(!xml.contains("<!"), "{xml}");
                proptest::prop_assert_eq!(xml.matches("<a:Assertion").count(), 1, "{}", xml);
                proptest::prop_assert_eq!(xml.matches("<d:Signature>").count(), 1, "{}", xml);
            }
        }

        #[test]
        fn no_text_makes_it_panic(xml in "\\PC{0,200}") {
            let _refused = check(&xml);
        }
    }
}
