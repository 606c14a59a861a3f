//! What real schemas call their columns: Epic (Clarity, Caboodle), Cerner (Millennium), OMOP, FHIR
//! in SQL, claims (CMS files, X12 loads) and personnel tables.

use crate::catalog::Detector;

/// Words of one meaning, normalised as labels are (see `context`): lower case, digits and joints
/// to one blank; joined by a comma and a blank.
pub(super) struct Entry {
    pub(super) detector: Option<Detector>,
    pub(super) spellings: &'static str,
}

/// Each value of such a column is PHI of this kind.
const fn whole(detector: Detector, spellings: &'static str) -> Entry {
    Entry {
        detector: Some(detector),
        spellings,
    }
}

/// Columns about something that is PHI, which hold none themselves.
const fn about(spellings: &'static str) -> Entry {
    Entry {
        detector: None,
        spellings,
    }
}

/// Last words that make a column one about something: `phone_type`, `address_id`.
pub(super) const ABOUT: &[&str] = &[
    "id",
    "ids",
    "key",
    "sk",
    "fk",
    "flag",
    "flg",
    "ind",
    "indicator",
    "type",
    "typ",
    "status",
    "count",
    "cnt",
    "code",
    "cd",
    "c",
    "yn",
    "concept",
    "category",
    "class",
    "method",
    "reason",
    "verified",
    "consent",
    "format",
    "preference",
    "pref",
    "opt",
    "system",
    "use",
    "rank",
    "source",
    "quality",
    "valid",
    "is",
    "required",
    "version",
    "order",
    "seq",
    "length",
    "score",
    "level",
    "group",
    "unit",
    "precision",
    "schema",
    "table",
    "column",
    "file",
    "template",
    "hash",
];

pub(super) const NAMES: &[Entry] = &[
    whole(
        Detector::Name,
        "first name, last name, middle name, full name, given name, family name, maiden name, \
         preferred name, legal name, nick name, nickname, firstname, lastname, middlename, \
         fullname, givenname, familyname, maidenname, surname, forename, forenames, fname, lname, \
         mname, first nm, last nm, mid nm, fst nm, lst nm, full nm, pat name, patient name, pt \
         name, patientname, pat nm, patient nm, member name, mbr name, mbr nm, membername, \
         subscriber name, subscr name, insured name, guarantor name, guar name, contact name, \
         emergency contact, next of kin, nok, nok name, mother name, father name, spouse name, \
         guardian name, guardian, parent name, employee name, emp name, provider name, prov name, \
         prvdr nm, physician name, physn nm, doctor name, doctor, attending name, attending \
         provider, attending physician, attending md, ordering provider, ordering physician, \
         referring physician, referring provider, rendering provider, admitting physician, \
         operating physician, pcp, pcp name, surgeon, surgeon name, nurse name, author name, \
         signed by, entered by, dictated by, staff name, clinician name, clinician, caregiver \
         name, person name, client name, customer name, name first, name last, name middle, name \
         given, name family, name full, name full formatted, middle initial, mid init, relative \
         name, witness name, signer name, dependent name, beneficiary name, bene name, bene srnm \
         name, srnm name, bene st name, bene mdl name, payee name, responsible party, requester \
         name, interpreter name, birth name, alias name, patient alias, display name, pharmacist \
         name, dispenser name, technician name, donor name, recipient name, user full name, \
         resident name, student name, child name, name of patient, patient first, patient last, \
         pat first, pat last, given names, last first, preferred nm, husband name, wife name",
    ),
    whole(
        Detector::Ssn,
        "ssn, ssns, social security number, social security no, social security, soc sec, soc \
         sec no, ssn last, last ssn, taxpayer id, itin, tin, ssn num, ssn no, ssn number, ssnum, \
         socialsecuritynumber, tax id, bene ssn, ssn txt",
    ),
    whole(
        Detector::Mrn,
        "mrn, mrns, mrn id, mrn no, mrn number, pat mrn, pat mrn id, medical record number, \
         medical record no, medical record num, medical record, med rec no, med rec num, med rec, \
         medrec, medicalrecordnumber, chart number, chart no, chart num, hospital number, \
         hospital no, mpi, empi, epi, eid mrn, patient identifier, patient number, patient no, \
         patient num, pat num, person source value, unit number, ehr id, patient external id, \
         primary mrn, enterprise id, nhs number, cmrn, alias mrn, person mrn",
    ),
    whole(
        Detector::Date,
        "dob, birth date, date of birth, birth datetime, birthdate, birth dt, birth dt tm, bene \
         birth dt, dateofbirth, birthday, birth time, d o b, abs birth dt tm, death date, death \
         dt, date of death, dod, deceased date, deceased dt tm, death datetime, bene death dt, \
         admit date, admission date, adm date, admit dt, admsn dt, clm admsn dt, adm dt, admit dt \
         tm, hosp admsn time, admit time, admit datetime, admittime, discharge date, disch date, \
         disch dt, dschrg dt, disch dt tm, hosp disch time, dischtime, discharge time, service \
         date, service dt, svc date, svc dt, date of service, dos, srvc dt, visit date, visit dt, \
         encounter date, enc date, appointment date, appt date, appt time, appt dt tm, procedure \
         date, proc date, prcdr dt, surgery date, service from date, clm from dt, clm thru dt, \
         from dt, thru dt, line st expns dt, line last expns dt, collection date, specimen date, \
         specimn taken time, specimen taken time, onset date, diagnosis date, dx date, hire date, \
         hire dt, hired on, termination date, term date, enrollment date, start date, end date, \
         start dt, end dt, visit start date, visit start datetime, visit end date, condition \
         start date, drug exposure start date, observation date, observation datetime, \
         measurement date, measurement datetime, note date, note datetime, contact date, ordering \
         date, result date, result time, charttime, period start, period end, authored on, \
         recorded date, effective date time, onset date time, performed date time, performed dt \
         tm, event end dt tm, clinical event dt tm, immunization date, vaccination date, fill \
         date, dispensed date, prescribed date, dispense date, injury date, accident date, \
         transfer date, marriage date, retirement date, year of birth date, lmp date, due date \
         edd, exam date, study date, report date",
    ),
    whole(
        Detector::Phone,
        "phone, phones, phone number, phone no, phone num, phone nbr, phn, phn nbr, home phone, \
         work phone, cell phone, mobile phone, mobile, mobile number, mobile no, telephone, \
         telephone number, tel, tel no, tel number, telnum, cell, cell number, cell no, contact \
         number, contact phone, ph no, home ph, work ph, cell ph, pager, pager number, \
         homephone, workphone, cellphone, phonenumber, telecom, telephone nbr, emergency phone, \
         day phone, evening phone, phone home, phone work, phone cell, phone mobile, phone ext",
    ),
    whole(
        Detector::Fax,
        "fax, fax number, fax no, fax num, fax nbr, facsimile, faxnumber",
    ),
    whole(
        Detector::Email,
        "email, e mail, email address, email addr, emailaddress, email id, mail address, emails, \
         work email, home email, personal email, contact email",
    ),
    whole(
        Detector::Address,
        "address, addr, street, street address, streetaddress, address line, addr line, add line, \
         street line, street name, streetname, home address, home addr, mailing address, mail \
         addr, residential address, res address, house number, house no, apt, apartment, apt no, \
         po box, city, city name, town, municipality, county, county name, parish, borough, home \
         city, birth city, birth place, birthplace, place of birth, city of birth, pat city, \
         neighborhood, suburb, address full, full address, street addr, st addr, bene addr, \
         latitude, longitude, lat, lon, lng, geocode, geo point, geolocation, census tract, \
         census block, addr city, address city, mailing city, location address, patient address",
    ),
    whole(
        Detector::Zip,
        "zip, zips, zip code, zipcode, zip cd, postal code, postal cd, postalcode, postcode, post \
         code, pat zip, bene zip, bene zip cd, mlg cntct zip cd, zip plus",
    ),
    whole(
        Detector::Ip,
        "ip, ip address, ip addr, ipaddress, client ip, remote ip, source ip, src ip, dest ip, \
         remote addr, login ip, last ip",
    ),
    whole(
        Detector::Url,
        "url, website, web site, homepage, home page, profile url, photo url, portal url, web \
         address, patient portal",
    ),
    whole(
        Detector::CreditCard,
        "credit card, credit card number, card number, card no, cc number, cc num, ccnum, cc no, \
         pan, creditcard, payment card, debit card, card num",
    ),
    whole(
        Detector::Npi,
        "npi, npis, npi number, npi num, npi no, national provider id, national provider \
         identifier, at physn npi, prvdr npi, org npi num, rndrng npi",
    ),
    whole(Detector::Dea, "dea, dea number, dea no, dea num, dea id"),
    whole(
        Detector::Account,
        "account number, account no, account num, account nbr, accountnumber, acct no, acct num, \
         acct number, acct nbr, acct, iban, bank account, routing number, routing no, guarantor \
         account, guarantor number, guarantor no, har, hsp account id, csn, pat enc csn id, \
         encounter number, encounter no, visit number, visit no, fin, fin nbr, patient account, \
         patient account number, patient control number, clm control num, aba number, swift",
    ),
    whole(
        Detector::HealthPlan,
        "member id, member number, member no, memberid, mbr id, subscriber id, subscriber number, \
         subscriber no, subscriberid, subscr num, policy number, policy no, policynumber, mbi, \
         hicn, hic number, bene hic num, medicare id, medicare number, medicare no, medicaid id, \
         medicaid number, medicaid no, beneficiary id, beneficiary number, bene id, bene mbi id, \
         bene mbi, insurance id, insurance number, insured id, plan member id, cardholder id, \
         insurance policy, health plan id, health plan number, family id number, card holder id, \
         insurance member id, group number, enrollee id",
    ),
    whole(
        Detector::Vin,
        "vin, vins, vin number, vin no, license plate, licence plate, plate number, plate no, \
         vehicle id, vehicle plate, number plate",
    ),
    whole(
        Detector::License,
        "license number, license no, license num, license nbr, licence number, licence no, \
         licensenumber, drivers license, driver license, drivers license no, driver license \
         number, driver s license, driverslicense, dl number, dl no, dl num, lic no, lic num, \
         medical license, medical license no, state license, license id, certificate number, \
         certificate no, cert no, cert number, physn upin, upin, state lic num",
    ),
    whole(
        Detector::Device,
        "serial number, serial no, serial num, serialnumber, device id, device serial, device \
         serial number, device identifier, udi, udi carrier, unique device id, unique device \
         identifier, imei, mac address, mac addr, implant serial, device sn, deviceid, pacemaker \
         serial, device number",
    ),
    whole(
        Detector::Other,
        "passport, passport number, passport no, passport num, employee id, employee number, \
         employee no, emp id, emp no, emp num, employeeid, badge number, badge no, badge id, \
         student id, student number, national id, national identifier, national id number, user \
         name, username, login name, login id, study id, biometric, fingerprint, finger print, \
         retina scan, voice print, voiceprint, photo, face image, patient photo, signature image, \
         twitter handle, social handle, military id, voter id, alien number, visa number, dod id, \
         case number, prescription number, rx number, inmate number, tribal id",
    ),
    whole(
        Detector::Org,
        "facility name, hospital name, clinic name, employer, employer name, school name, \
         organization name, organisation name, org name, practice name, care site name, pharmacy \
         name, company name employer, nursing home, provider org name, place of work, workplace",
    ),
    about(
        "email template, email subject, phone tree, address book, address space, ip version, city \
         code, country name, state name, test name, lab name, drug name, generic name, brand name, \
         medication name, department name, dept name, file name, filename, table name, column \
         name, schema name, host name, hostname, database name, product name, plan name, payer \
         name, unit name, component name, procedure name, diagnosis name, event name, service \
         name, role name, job name, application name, function name, constraint name, index name, \
         concept name, domain name, vocabulary name, code name, panel name, order name, specialty \
         name, class name, type name, group name, category name, status name, study name, trial \
         name, form name, field name, report name, report date type, serial id, start date \
         precision, mobile app, cell type, cell count, cell line, cell culture, white cell, red \
         cell, stem cell, t cell, b cell, sickle cell, line number, street light, pan id, tin \
         foil, lat dx, fin class, financial class, har type, mac os, acct type, city type, vin \
         type, ip class, tel aviv, town hall, county code, fips county, pcp flag",
    ),
];

/// Tables whose bare `name` is a person's.
pub(super) const PERSONS: &[&str] = &[
    "patient",
    "patients",
    "person",
    "persons",
    "people",
    "member",
    "members",
    "employee",
    "employees",
    "provider",
    "providers",
    "physician",
    "physicians",
    "practitioner",
    "practitioners",
    "clinician",
    "clinicians",
    "contact",
    "contacts",
    "user",
    "users",
    "customer",
    "customers",
    "client",
    "clients",
    "guarantor",
    "guarantors",
    "subscriber",
    "subscribers",
    "beneficiary",
    "beneficiaries",
    "staff",
    "doctor",
    "doctors",
    "nurse",
    "nurses",
    "dependent",
    "dependents",
    "relative",
    "relatives",
    "guardian",
    "guardians",
    "caregiver",
    "emp",
    "pat",
    "demographics",
    "individual",
    "individuals",
    "prsnl",
    "related person",
    "donor",
    "donors",
];
