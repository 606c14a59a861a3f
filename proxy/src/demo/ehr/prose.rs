//! Free text and documents about a patient: notes, JSON, HL7 v2.

use serde_json::json;

use super::date::Date;
use super::lists::LISTS;
use super::patient::Patient;
use super::random::Random;

/// A clinical note: an opening that names the patient, then sentences of which some identify.
pub(super) fn note(patient: &Patient, random: &mut Random) -> String {
    let lists = &*LISTS;
    let mut text = fill(random.pick(&lists.note_opening), patient, random);
    text.push('\n');
    let sentences = random.between(4, 9);
    let identifying = random.between(1, sentences - 1);
    for place in 0..sentences {
        // The second last always identifies: a mask that gives up early would show.
        let list = if place == identifying || place == sentences - 2 {
            &lists.note_phi
        } else {
            &lists.note_plain
        };
        text.push_str(&fill(random.pick(list), patient, random));
        text.push(if random.chance(20) { '\n' } else { ' ' });
    }
    text.truncate(text.trim_end().len());
    text
}

/// Fills the `{…}` of a template.
fn fill(template: &str, patient: &Patient, random: &mut Random) -> String {
    let [code, diagnosis, drug] = random.pick(&LISTS.conditions);
    let mut text = String::with_capacity(template.len() + 64);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let (key, behind) = after.split_once('}').unwrap_or((after, ""));
        match key {
            "name" => text.push_str(&patient.name()),
            "ssn" => text.push_str(&patient.ssn()),
            "dob" => text.push_str(&patient.born.to_string()),
            "dob_us" => text.push_str(&patient.born.american()),
            "mrn" => text.push_str(&patient.mrn),
            "phone" => text.push_str(&patient.phone),
            "email" => text.push_str(&patient.email),
            "address" => text.push_str(&patient.address()),
            "ip" => text.push_str(&patient.ip),
            "relative" => text.push_str(&patient.relative),
            "relative_phone" => text.push_str(&patient.relative_phone),
            "diagnosis" => text.push_str(diagnosis),
            "code" => text.push_str(code),
            "drug" => text.push_str(drug),
            "department" => text.push_str(random.pick(&LISTS.departments)),
            other => text.push_str(other),
        }
        rest = behind;
    }
    text.push_str(rest);
    text
}

/// `patients.contact`: how to reach the patient.
pub(super) fn contact(patient: &Patient) -> String {
    json!({
        "phone": patient.phone,
        "email": patient.email,
        "emergency": { "full_name": patient.relative, "phone": patient.relative_phone },
        "preferred": if patient.id.is_multiple_of(3) { "phone" } else { "email" },
    })
    .to_string()
}

/// A discharge document in the manner of FHIR.
pub(super) fn document(patient: &Patient, written: Date, random: &mut Random) -> String {
    let [code, diagnosis, drug] = random.pick(&LISTS.conditions);
    json!({
        "resourceType": "Bundle",
        "type": "discharge-summary",
        "written": written.to_string(),
        "patient": {
            "identifier": [
                { "system": "mrn", "mrn": patient.mrn },
                { "system": "us-ssn", "ssn": patient.ssn() },
            ],
            "full_name": patient.name(),
            "birth_date": patient.born.to_string(),
            "telecom": [
                { "system": "phone", "phone": patient.phone },
                { "system": "email", "email": patient.email },
            ],
            "address": patient.address(),
        },
        "conditions": [{ "code": code, "title": diagnosis, "active": random.chance(70) }],
        "medications": [drug],
        "length_of_stay_days": random.between(1, 14),
        "risk_score": random.between(0, 1_000),
    })
    .to_string()
}

/// An ORU^R01 message of HL7 2.5.1: MSH, PID, NK1, OBR and three OBX segments.
pub(super) fn hl7(patient: &Patient, sent: Date, number: u64, random: &mut Random) -> String {
    let day = sent.compact();
    let name = format!("{}^{}^{}", patient.family, patient.given, patient.middle);
    let address = format!(
        "{}^^{}^{}^{}",
        patient.street, patient.city, patient.state, patient.zip
    );
    let relative = patient
        .relative
        .split_once(' ')
        .unwrap_or((&patient.relative, ""));
    let mut text = format!(
        "MSH|^~\\&|LAB|CLINIC|EHR|CLINIC|{day}1200||ORU^R01|M{number:08}|P|2.5.1\r\
         PID|1||{mrn}^^^CLINIC^MR||{name}||{born}|{sex}|||{address}||{phone}||||||{ssn}\r\
         NK1|1|{}^{}|SPO||{relative_phone}\rOBR|1||L{number:08}|PANEL^Routine panel|||{day}0730\r",
        relative.1,
        relative.0,
        mrn = patient.mrn,
        born = patient.born.compact(),
        sex = patient.sex,
        phone = patient.phone,
        ssn = patient.ssn(),
        relative_phone = patient.relative_phone,
    );
    for place in 1..=3 {
        let [code, title, unit, low, high, ..] = random.pick(&LISTS.labs);
        let value = random.between(low.parse().unwrap_or(0), high.parse().unwrap_or(100));
        text.push_str(&format!(
            "OBX|{place}|NM|{code}^{title}^LN||{value}|{unit}|||||F\r"
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_leave_no_template_open_and_identify_the_patient() {
        for id in 1..500 {
            let patient = Patient::new(3, id);
            let text = note(&patient, &mut Random::for_row(3, 5, id));
            assert!(!text.contains(['{', '}']), "{text}");
            let shown = patient
                .identifiers()
                .iter()
                .filter(|(_, id)| text.contains(id))
                .count();
            assert!(shown >= 2, "{text}");
        }
    }

    #[test]
    fn documents_are_json_and_messages_have_their_segments() {
        let patient = Patient::new(3, 9);
        let mut random = Random::for_row(3, 6, 9);
        let text = document(&patient, Date(20_000), &mut random);
        let parsed: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(parsed["patient"]["identifier"][1]["ssn"], patient.ssn());
        let message = hl7(&patient, Date(20_000), 1, &mut random);
        let segments: Vec<&str> = message
            .trim_end()
            .split('\r')
            .map(|line| &line[..3])
            .collect();
        assert_eq!(segments, ["MSH", "PID", "NK1", "OBR", "OBX", "OBX", "OBX"]);
        let pid: Vec<&str> = message.split('\r').nth(1).unwrap().split('|').collect();
        assert_eq!((pid[19], pid[7].len()), (&*patient.ssn(), 8));
    }
}
