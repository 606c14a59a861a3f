//! JSON by path: FHIR resources and everything that names its fields like columns.
//!
//! One pass with a stack of fixed depth. What a key or a sibling says about a value may come
//! after it (`"value":"…","system":"phone"`), so that an object keeps its value until it ends.
//! The walk checks no grammar: it stops where the text is no JSON.

use velum_core::limits::NESTING_DEPTH;

use super::{display, report_whole};
use crate::catalog::Detector;
use crate::columns::{self, Kind};
use crate::scan::Scan;

/// Keys and the words of codings that are read.
const WORD_BYTES: usize = 64;

/// What a key makes of the value under it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// Nothing is known.
    Any,
    /// A value of this kind.
    Whole(Detector),
    /// FHIR's HumanName, or an object of that manner.
    Name,
    /// FHIR's Address.
    Address,
    /// FHIR's ContactPoint.
    Telecom,
    /// FHIR's Identifier, until its system or type says more.
    Identifier,
    /// A person: `name` below it is one's name.
    Person,
    /// An organisation or a place.
    Organisation,
    /// A picture, a recording, a signature.
    Picture,
    /// FHIR's Extension.
    Extension,
    /// The key of a pair, such as `"key":"ssn"`.
    PairKey,
    /// Says what the identifier, the contact point or the extension is.
    Hint,
    /// The value of a pair, an identifier, a contact point or an extension.
    Value,
    /// Says what the object is about.
    Resource,
    /// About the others: `use`, `type`, a prefix.
    About,
}

/// An open object or array.
#[derive(Clone, Copy)]
struct Level {
    is_object: bool,
    /// What stands under the key that opened it.
    role: Role,
    /// The role of the value that comes next in an object.
    next: Role,
    /// What the object's own words say its value is.
    hint: Option<Detector>,
    /// Its value, kept until the object ends.
    value: Option<(usize, usize)>,
}

const OUTSIDE: Level = Level {
    is_object: false,
    role: Role::Any,
    next: Role::Any,
    hint: None,
    value: None,
};

struct Walk {
    levels: [Level; NESTING_DEPTH],
    depth: usize,
}

/// Reads the JSON that begins at `from`.
pub(super) fn find(scan: &mut Scan<'_>, from: usize) {
    let mut walk = Walk {
        levels: [OUTSIDE; NESTING_DEPTH],
        depth: 0,
    };
    let text = scan.text;
    let mut at = from;
    while let Some(byte) = text.get(at) {
        match byte {
            b'{' | b'[' => {
                if !walk.open(*byte == b'{') {
                    return;
                }
                at += 1;
            }
            b'}' | b']' => {
                walk.close(scan);
                at += 1;
            }
            b'"' => {
                let Some(end) = string_end(text, at + 1) else {
                    return;
                };
                at = walk.string(scan, at + 1, end);
            }
            b'-' | b'0'..=b'9' => {
                let end = crate::text::run_end(text, at, WORD_BYTES, |byte| {
                    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'+')
                });
                walk.value(scan, at, end);
                at = end;
            }
            _ => at += 1,
        }
    }
}

/// The offset of the quote that ends the string.
fn string_end(text: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += memchr::memchr2(b'"', b'\\', text.get(at..)?)?;
        if text.get(at) == Some(&b'"') {
            return Some(at);
        }
        at += 2;
    }
}

impl Walk {
    fn top(&mut self) -> Option<&mut Level> {
        let index = self.depth.checked_sub(1)?;
        self.levels.get_mut(index)
    }

    fn open(&mut self, is_object: bool) -> bool {
        let role = match self.top() {
            Some(level) if level.is_object => std::mem::replace(&mut level.next, Role::Any),
            Some(level) => level.role,
            None => Role::Any,
        };
        let Some(level) = self.levels.get_mut(self.depth) else {
            return false;
        };
        *level = Level {
            is_object,
            role,
            ..OUTSIDE
        };
        self.depth += 1;
        true
    }

    fn close(&mut self, scan: &mut Scan<'_>) {
        let Some(level) = self.top().map(|level| *level) else {
            return;
        };
        self.depth -= 1;
        // Only an object has siblings to wait for; what they say is passed up through codings.
        if let Some((start, end)) = level.value.filter(|_| level.is_object) {
            let text = scan.slice(start, end);
            let detector = level.hint.or(match level.role {
                Role::Telecom if text.contains(&b'@') => Some(Detector::Email),
                Role::Telecom if text.starts_with(b"http") => Some(Detector::Url),
                Role::Telecom => Some(Detector::Phone),
                Role::Identifier => Some(Detector::Mrn),
                _ => None,
            });
            if let Some(detector) = detector {
                report_whole(scan, detector, start, end);
            }
        } else if level.role == Role::Hint
            && let Some(hint) = level.hint
            && let Some(parent) = self.top()
        {
            parent.hint = parent.hint.or(Some(hint));
        }
    }

    /// A string: a key if a colon follows. Returns where to go on.
    fn string(&mut self, scan: &mut Scan<'_>, start: usize, end: usize) -> usize {
        let after = crate::text::run_end(scan.text, end + 1, 8, |byte| byte.is_ascii_whitespace());
        let is_object = self.top().is_some_and(|level| level.is_object);
        if is_object && scan.byte(after) == Some(b':') {
            let key = scan.slice(start, end.min(start + WORD_BYTES));
            let parents = self.parents();
            if let Some(level) = self.top() {
                level.next = role_of(key, parents);
            }
            return after + 1;
        }
        self.value(scan, start, end);
        end + 1
    }

    /// Roles of the innermost object and of the one around it.
    fn parents(&self) -> [Role; 2] {
        let mut roles = self
            .levels
            .get(..self.depth)
            .unwrap_or_default()
            .iter()
            .rev()
            .filter(|level| level.is_object)
            .map(|level| level.role);
        [
            roles.next().unwrap_or(Role::Any),
            roles.next().unwrap_or(Role::Any),
        ]
    }

    /// A string or a number that is a value.
    fn value(&mut self, scan: &mut Scan<'_>, start: usize, end: usize) {
        let Some(level) = self.top() else { return };
        let role = if level.is_object {
            std::mem::replace(&mut level.next, Role::Any)
        } else {
            level.role
        };
        let text = scan.slice(start, end);
        let detector = match role {
            // A ward is no facility: `"location":{"display":"Intensive Care"}`.
            Role::Whole(Detector::Org) if display::is_department(text) => return,
            Role::Whole(detector) => detector,
            Role::Name => Detector::Name,
            Role::Address => Detector::Address,
            Role::Picture => Detector::Other,
            // A reference is no name: `"patient":"Patient/123"`.
            Role::Person if is_name(text) => Detector::Name,
            Role::Value => {
                level.value = Some((start, end));
                return;
            }
            Role::Resource => {
                level.role = match text {
                    b"Organization" | b"Location" | b"HealthcareService" => Role::Organisation,
                    _ if columns::is_of_persons(text) => Role::Person,
                    _ => level.role,
                };
                return;
            }
            Role::PairKey | Role::Hint => {
                let word = text.get(..text.len().min(WORD_BYTES)).unwrap_or_default();
                let hint = match role {
                    Role::Hint => hint_of(text),
                    _ => match columns::of_name(word, None) {
                        Kind::Whole(detector) => Some(detector),
                        Kind::About | Kind::Unknown => None,
                    },
                };
                level.hint = level.hint.or(hint);
                return;
            }
            _ => return,
        };
        let (start, end) = if detector == Detector::Name {
            let name = display::without_title(text);
            let start = end - name.len();
            (start, start + display::without_degree(name).len())
        } else {
            (start, end)
        };
        report_whole(scan, detector, start, end);
    }
}

/// Whether a string under a person's key is one's name: up to five words with capitals.
fn is_name(text: &[u8]) -> bool {
    let words = || text.split(|byte| matches!(byte, b' ' | b','));
    let capital = |word: &[u8]| {
        word.first()
            .is_none_or(|byte| byte.is_ascii_uppercase() || *byte >= 0x80)
    };
    let clean = |byte: &u8| byte.is_ascii_alphabetic() || *byte >= 0x80 || b" ,.'-".contains(byte);
    (2..=5).contains(&words().count()) && words().all(capital) && text.iter().all(clean)
}

/// What a key says, under the keys above it.
fn role_of(key: &[u8], [parent, grand]: [Role; 2]) -> Role {
    let below = match parent {
        // `name` opens an object only where it is a person's.
        Role::Name | Role::PairKey => of_human_name(key),
        Role::Address => of_address(key),
        Role::Telecom => of_contact_point(key),
        Role::Identifier => of_identifier(key),
        Role::Picture => match key {
            b"data" | b"url" => Some(Role::Picture),
            _ => Some(Role::About),
        },
        Role::Extension => match key {
            b"url" => Some(Role::Hint),
            b"valueString" | b"valueDate" | b"valueCode" => Some(Role::Value),
            _ => None,
        },
        Role::Person if key == b"display" => Some(Role::Whole(Detector::Name)),
        Role::Organisation if matches!(key, b"display" | b"name") => {
            Some(Role::Whole(Detector::Org))
        }
        // The type and the coding of an identifier say what it is.
        Role::Hint if grand != Role::Any => match key {
            b"code" | b"text" | b"system" => Some(Role::Hint),
            b"coding" => Some(Role::Hint),
            _ => Some(Role::About),
        },
        _ => None,
    };
    below.unwrap_or_else(|| of_any(key, parent))
}

fn of_human_name(key: &[u8]) -> Option<Role> {
    match key {
        b"family" | b"given" | b"text" | b"first" | b"last" | b"middle" | b"full" | b"maiden"
        | b"value" => Some(Role::Name),
        b"use" | b"prefix" | b"period" => Some(Role::About),
        _ => None,
    }
}

fn of_address(key: &[u8]) -> Option<Role> {
    match key {
        b"line" | b"text" | b"city" | b"district" | b"street" | b"line1" | b"line2" | b"value" => {
            Some(Role::Address)
        }
        b"postalCode" | b"zip" => Some(Role::Whole(Detector::Zip)),
        b"use" | b"type" | b"state" | b"country" | b"period" => Some(Role::About),
        _ => None,
    }
}

fn of_contact_point(key: &[u8]) -> Option<Role> {
    match key {
        b"value" => Some(Role::Value),
        b"system" => Some(Role::Hint),
        _ => Some(Role::About),
    }
}

fn of_identifier(key: &[u8]) -> Option<Role> {
    match key {
        b"value" => Some(Role::Value),
        b"system" | b"type" => Some(Role::Hint),
        b"use" | b"period" => Some(Role::About),
        _ => None,
    }
}

fn of_any(key: &[u8], parent: Role) -> Role {
    match key {
        b"name" if parent == Role::Person => Role::Name,
        // A HumanName is an object; a plain string under this key can name anything.
        b"name" => Role::PairKey,
        b"telecom" => Role::Telecom,
        b"identifier" | b"identifiers" | b"masterIdentifier" => Role::Identifier,
        b"extension" | b"modifierExtension" => Role::Extension,
        b"photo" | b"image" | b"signature" | b"fingerprint" => Role::Picture,
        b"subject"
        | b"patient"
        | b"performer"
        | b"participant"
        | b"individual"
        | b"practitioner"
        | b"generalPractitioner"
        | b"author"
        | b"requester"
        | b"recorder"
        | b"asserter"
        | b"actor"
        | b"sender"
        | b"recipient"
        | b"attester"
        | b"contact"
        | b"guarantor"
        | b"subscriber"
        | b"member"
        | b"person"
        | b"provider"
        | b"informant"
        | b"enterer"
        | b"beneficiary"
        | b"relative"
        | b"insured"
        | b"payee" => Role::Person,
        b"managingOrganization"
        | b"serviceProvider"
        | b"organization"
        | b"custodian"
        | b"hospital"
        | b"facility"
        | b"location"
        | b"employer" => Role::Organisation,
        b"serialNumber"
        | b"carrierHRF"
        | b"carrierAIDC"
        | b"deviceIdentifier"
        | b"distinctIdentifier" => Role::Whole(Detector::Device),
        b"key" | b"attribute" | b"field" | b"label" | b"question" | b"column" | b"param"
        | b"property" => Role::PairKey,
        b"value" | b"val" | b"answer" | b"valueString" | b"field_value" => Role::Value,
        b"address" | b"addresses" => Role::Address,
        b"resourceType" => Role::Resource,
        b"use" | b"status" | b"code" | b"coding" | b"system" | b"display" | b"unit" | b"type" => {
            Role::Any
        }
        _ => match columns::of_name(key, None) {
            Kind::Whole(Detector::Address) => Role::Address,
            Kind::Whole(detector) => Role::Whole(detector),
            Kind::About => Role::About,
            Kind::Unknown if columns::is_of_persons(key) => Role::Person,
            Kind::Unknown => Role::Any,
        },
    }
}

/// What a system, a code or a type says about an identifier or a contact point
/// (HL7 table 0203; FHIR's NamingSystems).
fn hint_of(text: &[u8]) -> Option<Detector> {
    const CODES: &[(&[u8], Detector)] = &[
        (b"MR", Detector::Mrn),
        (b"PI", Detector::Mrn),
        (b"PT", Detector::Mrn),
        (b"SS", Detector::Ssn),
        (b"SB", Detector::Ssn),
        (b"DL", Detector::License),
        (b"MD", Detector::License),
        (b"LN", Detector::License),
        (b"RN", Detector::License),
        (b"PPN", Detector::Other),
        (b"NPI", Detector::Npi),
        (b"DEA", Detector::Dea),
        (b"AN", Detector::Account),
        (b"VN", Detector::Account),
        (b"MB", Detector::HealthPlan),
        (b"MC", Detector::HealthPlan),
        (b"MA", Detector::HealthPlan),
        (b"SN", Detector::HealthPlan),
        (b"SNO", Detector::Device),
        (b"UDI", Detector::Device),
        (b"phone", Detector::Phone),
        (b"sms", Detector::Phone),
        (b"pager", Detector::Phone),
        (b"fax", Detector::Fax),
        (b"email", Detector::Email),
        (b"url", Detector::Url),
    ];
    const SYSTEMS: &[(&[u8], Detector)] = &[
        (b"us-ssn", Detector::Ssn),
        (b"2.16.840.1.113883.4.1", Detector::Ssn),
        (b"us-npi", Detector::Npi),
        (b"2.16.840.1.113883.4.6", Detector::Npi),
        (b"us-dea", Detector::Dea),
        (b"us-mbi", Detector::HealthPlan),
        (b"us-medicare", Detector::HealthPlan),
        (b"passport", Detector::Other),
        (b"mothersMaidenName", Detector::Name),
        (b"birthPlace", Detector::Address),
        (b"driver", Detector::License),
        (b"license", Detector::License),
    ];
    let code = CODES.iter().find(|(code, _)| *code == text);
    let system = || SYSTEMS.iter().find(|(tail, _)| text.ends_with(tail));
    code.or_else(system).map(|(_, detector)| *detector)
}
