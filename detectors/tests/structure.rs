//! Where a value stands says what it is: JSON, HL7, tables, pairs.

mod support;

use support::check;
use velum_core::inspect::Surroundings;
use velum_detectors::Detectors;

fn whole(marked: &str) {
    check(&Detectors::standard(), marked, Surroundings::WHOLE);
}

#[test]
fn a_fhir_patient() {
    whole(
        r#"{"resourceType":"Patient","active":true,
 "identifier":[{"use":"usual","type":{"coding":[{"system":"v2-0203","code":"MR"}]},
  "value":"«A-77»"},
  {"system":"http://hl7.org/fhir/sid/us-ssn","value":"«x531»"}],
 "name":[{"use":"official","family":"«Chalmers»","given":["«Peter»","«james»"],"prefix":["Mr"]},
  {"text":"«Jim C»"}],
 "telecom":[{"value":"«5550101»","system":"phone","use":"home"},
  {"system":"email","value":"«x at y»"},
  {"system":"fax","value":"«5550199»"}],
 "gender":"male","birthDate":"«1974»",
 "address":[{"use":"home","line":["«the old mill»"],
  "city":"«Pleasantville»","state":"Vic","postalCode":"«3999»"}],
 "contact":[{"relationship":[{"text":"mother"}],"name":{"family":"«du Marché»"}}],
 "photo":[{"contentType":"image/png","data":"«aGk»"}],
 "extension":[{"url":"http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName",
  "valueString":"«rosa»"}],
 "managingOrganization":{"reference":"o","display":"«good health»"}}"#,
    );
}

#[test]
fn references_and_pairs() {
    whole(
        r#"{"resourceType":"Observation","status":"final","subject":{"display":"«peter c»"},
 "code":{"coding":[{"code":"8302-2","display":"Body height"}],"text":"Height"},
 "performer":[{"display":"«adam c»"}],"valueQuantity":{"value":172.5,"unit":"cm"}}"#,
    );
    whole(r#"[{"key":"ssn","value":"«x»"},{"key":"color","value":"red"}]"#);
    whole(r#"{"value":"«x»","name":"last_name"}"#);
    whole(r#"{"patient":{"name":"«peter c»","phone":"«none»","status":"ok"},"name":"lab panel"}"#);
    whole(r#"{"provider":"Dr. «Lee»","patient":"a/b","member":"active"}"#);
    whole(r#"{"phone":{"type":"home"},"zip":«62704»,"n":12345}"#);
}

#[test]
fn json_that_ends_anywhere_does_no_harm() {
    let text =
        r#"{"resourceType":"Patient","name":[{"family":"Chalmers","given":["P\"q"]}],"a":[[{"#;
    for end in 0..=text.len() {
        let _ = support::covered(
            &Detectors::standard(),
            &text.as_bytes()[..end],
            Surroundings::WHOLE,
        );
    }
    let deep = "[".repeat(10_000);
    let _ = support::covered(&Detectors::standard(), deep.as_bytes(), Surroundings::WHOLE);
}

const MESSAGE: &str = "MSH|^~\\&|LAB|GEN|EHR|GEN|«20240301081500-0500»||ORU^R01|MSG1|P|2.5.1\r\
EVN|A01|«20240301»|||«1234567893»^«WELBY»^«MARCUS»^^^DR\r\
PID|1||«A123»^^^GEN^MR~«B99»^^^OLD^PI||«DOE»^«JANE»^«Q»^^MRS||«19850131»|F||2106-3|\
«12 OAK»^^«TOWN»^«IL»^«62704»^USA^H||^PRN^PH^«x@y»^^«555»^«0101»|||S||«998»^^^H|«531»|\
«D123»^IL||\r\
NK1|1|«DOE»^«JOHN»|SPO|«1 ELM»^^«TOWN»|«5550102»\r\
PV1|1|I|W^389^1||||«77»^«ATTEND»^«AARON»^«A»|||SUR|||||||||«V100»\r\
GT1|1|«G1»|«DOE»^«JANE»\r\
IN1|1|PPO|INS|BLUE|||||||| «20240101»||||«DOE»^«JANE»|SELF|«19850131»||||||||||||||||||«POL99»\r\
IN2|«E55»|«531»\r\
ORC|RE|O1|F1||||||«20240301»|||«88»^«ORDER»^«OLGA»\r\
OBR|1|O1|F1|2345-7^Glucose^LN|||«20240301»|||||||||«88»^«ORDER»^«OLGA»\r\
OBX|1|NM|2345-7^Glucose^LN||98|mg/dL|70-99|N|||F|||«20240301»\r\
OBX|2|XPN|X^Mother||«ROE»^«ANN»\r\
OBX|3|DT|X^Seen||«2024»\r";

#[test]
fn a_message_of_hl7() {
    whole(MESSAGE);
    whole(&MESSAGE.replace('\r', "\n"));
}

/// The header says what separates the fields.
#[test]
fn a_message_with_separators_of_its_own() {
    let other: String = MESSAGE
        .chars()
        .map(|character| match character {
            '|' => '#',
            '^' => '$',
            '~' => '!',
            other => other,
        })
        .collect();
    whole(&other);
}

#[test]
fn tables_with_a_header() {
    whole("mrn,last_name,dob,status\n«A1»,«doe»,«1985»,ok\n«B2»,\"«o, neil»\",,new\n");
    whole("id\tfirst_name\thome_phone\n1\t«jane»\t«5550101»\n2\t\\N\t«none»\n");
    whole("name|zip_code|note\r\nx|«62704»|stable\r\n");
    whole("Patient name, address and phone were confirmed today, he agrees.\nAll, fine, here.");
    whole("code,count\n12,34\n");
}

#[test]
fn a_line_a_key() {
    whole("MRN: «A1»\nLast name = «Doe»\nhome_phone | «555 0101»\nstatus: stable\n");
    whole("Phone: patient did not answer\nAddress: see below\n");
}

#[test]
fn the_key_of_a_row_says_what_its_value_is() {
    let of_key = |key: &'static str, marked: &str| {
        let around = Surroundings {
            key: Some(key.as_bytes()),
            ..Surroundings::in_column(b"value")
        };
        check(&Detectors::standard(), marked, around);
    };
    of_key("last_name", "«doe»");
    of_key("mrn", " «A-1» ");
    of_key("color", "red");
    of_key("order_no", "531770294");
    of_key("anything", "«531770294»");
}

#[test]
fn elements_of_an_array_are_values() {
    whole("{«531770294»,\"«219099998»\"}");
    whole("[531770294,219099998]");
}
