//! The words of labels and column names, and what they say.

use super::Cues;

/// Words of one meaning.
pub(super) struct Entry {
    pub(super) cues: Cues,
    /// Normalised spellings, joined by a comma and a blank. `#` is a word of its own.
    pub(super) spellings: &'static str,
}

/// Words that say it before a value as well as in the name of a column.
const fn in_columns(cue: Cues, spellings: &'static str) -> Entry {
    Entry {
        cues: cue.and(Cues::IN_COLUMNS),
        spellings,
    }
}

/// Words that say it before a value only: a column of that name holds keys or prose.
const fn in_text(cue: Cues, spellings: &'static str) -> Entry {
    Entry {
        cues: cue,
        spellings,
    }
}

/// Words that say it only if the value follows at once.
const fn at_once(cue: Cues, spellings: &'static str) -> Entry {
    Entry {
        cues: cue.and(Cues::AT_ONCE),
        spellings,
    }
}

pub(super) const VOCABULARY: &[Entry] = &[
    in_columns(
        Cues::SSN,
        "ssn, ssns, social security, socialsecurity, soc sec, social sec, itin, ss no, ss \
         num, ss number, ss #, taxpayer id, tin",
    ),
    at_once(Cues::SSN, "last four"),
    in_columns(
        Cues::MRN,
        "mrn, mrns, emrn, mpi, empi, medical record, medicalrecord, med rec, medrec, mr no, \
         mr number, mr num, mr #, chart no, chart number, chart #, hospital no, hospital \
         number, hospital #, unit number, health record, medical rec, mrno, mrnum, ur number, \
         nhs number, nhs no, chi number, enterprise id, epi",
    ),
    in_text(
        Cues::MRN,
        "patient id, patient identifier, patient no, patient number, patient #, pt id, \
         pt no, pt #, unit no, unit #, record number, record no, record #, patientid, hosp no, \
         hosp #, hosp id, epic id, ehr id, m r n, mr nbr, med record, chart id, record id, file \
         number, file no, file #, pt number, pt num, pt nbr, clinic number, clinic no, clinic #, \
         hospital id, hosp number, hosp num, patient num, patient nbr, patient ident, pat id, pat \
         no, pat #, patient record, medical id, medical number, medical #, cmrn, master \
         patient, registration id, mrn id, mrn no, mrn number, health number, health #, health id, \
         personal health, phn",
    ),
    at_once(Cues::MRN, "chart, mr"),
    in_columns(
        Cues::PHONE,
        "phone, phones, telephone, tel, mobile, cellphone, pager, homephone, workphone, cell \
         phone, phone no, phone number, telecom, landline",
    ),
    in_text(
        Cues::PHONE,
        "cell, ph, call, calls, called, contact, callback, text, reach, beeper",
    ),
    in_columns(
        Cues::FAX,
        "fax, facsimile, telefax, fax no, fax number, faxed to, faxno, faxnumber",
    ),
    at_once(
        Cues::PAGER,
        "pager, beeper, pager no, pager number, pager #, ext, extension, bleep",
    ),
    in_columns(
        Cues::BIRTH,
        "dob, d o b, date of birth, dateofbirth, birth, birthdate, birthday, birth date, \
         born, bday, birth dt, birthdt",
    ),
    in_columns(Cues::NPI, "npi, npis, national provider"),
    in_columns(Cues::DEA, "dea"),
    in_columns(
        Cues::ACCOUNT,
        "account number, account no, account num, account #, acct no, acct num, acct number, \
         acct, acct #, iban, routing number, accountnumber, guarantor number, bank account",
    ),
    in_text(
        Cues::ACCOUNT,
        "account, accounts, acc no, a c no, routing, aba, encounter number, encounter no, \
         encounter #, visit number, visit no, visit #, csn, har, patient account, billing \
         number, sort code, account id, acct id, account nbr, acct nbr, acct num, acc number, acc \
         #, a c #, a c number, billing account, billing acct, billing id, bank acct, guarantor \
         acct, guarantor id, guarantor #, hospital account, har no, fin number, fin no, fin #, fin \
         nbr, loan number, loan no, loan #, contract number, contract no, contract #, \
         customer number, \
         customer no, customer #, customer id",
    ),
    at_once(Cues::ACCOUNT, "fin, encounter id, visit id, swift, acc"),
    in_columns(
        Cues::HEALTH_PLAN,
        "member number, member no, member #, subscriber id, subscriber number, subscriber no, \
         subscriber #, policy number, policy no, policy #, mbi, hicn, medicare id, medicare \
         number, medicare no, medicare #, medicaid id, medicaid number, medicaid no, medicaid \
         #, mcaid, hic number, hic no, hicno, beneficiary id, beneficiary number, insurance \
         id, insurance number, insurance no, \
         insurance #, health plan id, health plan number, policynumber, subscriberid",
    ),
    in_text(
        Cues::HEALTH_PLAN,
        "member id, memberid, policy id, beneficiary, hpid, group number, group no, group #, \
         grp #, enrollee id, cardholder id, payer id, insured id, rxgrp, rx group",
    ),
    at_once(
        Cues::HEALTH_PLAN,
        "policy, health plan, medicare, medicaid, insurance, subscriber, member",
    ),
    in_columns(
        Cues::VIN,
        "vin, vins, vehicle id, vehicle identification, vehicle number, chassis",
    ),
    in_columns(
        Cues::PLATE,
        "license plate, licence plate, plate number, plate no, plate #, number plate, \
         registration plate, vehicle plate, tag number, plates, vehicle registration",
    ),
    at_once(Cues::PLATE, "plate, lic plate"),
    in_columns(
        Cues::LICENSE,
        "license number, license no, license num, license #, licence number, licence no, \
         licence #, lic no, lic #, lic number, driver license, drivers license, driver s \
         license, driving licence, driver s licence, dl no, dl number, dl #, certificate \
         number, certificate no, certificate #, cert no, cert number, cert #, board \
         certification, medical license, state license, nursing license, license id, \
         licensenumber, driverslicense",
    ),
    in_text(
        Cues::LICENSE,
        "driver lic, drivers lic, driver s lic, dln, cdl, operator license, operators license, \
         operator s license, license nbr, lic num, lic nbr, lic id, certification number, \
         certification no, certification #, certificate id, board cert, medical lic, nursing lic, \
         state lic, pharmacy license, physician license, permit number, permit no, permit #, \
         credential number, credential no, credential #, state id, registration number, \
         registration no, registration #, reg no, reg #, d l no, d l number",
    ),
    at_once(
        Cues::LICENSE,
        "license, licence, lic, dl, certificate, certification, cert, licensure",
    ),
    in_columns(
        Cues::DEVICE,
        "serial number, serial no, serial num, serial #, device id, device identifier, device \
         serial, device number, udi, imei, meid, mac address, mac addr, device sn, implant \
         id, implant number, serialnumber, deviceid",
    ),
    at_once(
        Cues::DEVICE,
        "serial, s n, sn, ser no, device, mac, implant",
    ),
    in_columns(
        Cues::OTHER,
        "passport, passport number, passport no, passport #, passport num, employee id, \
         employee number, employee no, employee #, emp id, emp no, student id, student number, \
         study id, subject id, subject number, participant id, badge number, badge no, badge \
         #, badge id, national id, national insurance, ni number, nino, military id, case \
         number, case no, case #, research id, biometric id, voter id, visa number, alien \
         number, tribal id",
    ),
    in_text(
        Cues::OTHER,
        "prescription number, prescription no, prescription #, rx number, rx no, rx #, \
         id number, id no, id #, identification number, identifier, reference number, \
         specimen id, inmate number, dod id, user id, login id",
    ),
    in_columns(
        Cues::AGE,
        "age, ages, aged, age years, age yrs, age in years",
    ),
    in_text(Cues::AGE, "age of, turned, turns, turning"),
    at_once(
        Cues::DATE,
        "on, since, from, until, till, thru, through, dated, date, dates, seen, visit, visits, \
         appt, appts, appointment, appointments, admitted, admit, admission, discharged, \
         discharge, d c, d c d, dc, dos, as of, before, after, by, last, next, starting, \
         beginning, started, began, ended, ending, due, f u, followup, follow up, scheduled, \
         performed, collected, drawn, surgery, mon, monday, tue, tues, tuesday, wed, weds, \
         wednesday, thu, thur, thurs, thursday, fri, friday, sat on, saturday, sun, sunday, \
         between, effective, signed, updated, taken, completed, received, onset, lmp, edd, \
         edc, doa, dod, expired, died, delivered, week of, returned, returns, returning, \
         labs, xray, x ray, ct, mri, echo, ekg, procedure, consult, \
         reviewed, prior, previous, recent, today, tomorrow, yesterday, rescheduled, \
         arrived, onward, injury, transferred, extubated, intubated, removed, placed, \
         hospitalized",
    ),
    in_columns(
        Cues::OPERATIONAL,
        "created, createdat, updated, updatedat, modified, ingested, synced, imported, exported, \
         processed, deleted, archived, changed, logged, login, logon, expires, expiry, etl, \
         refreshed, load ts, load date, load dt, load time, inserted at, insert ts, insert time, \
         row ts, audit ts, audit date, now, clock timestamp, current timestamp, current date, \
         transaction timestamp, statement timestamp, localtimestamp, last seen, heartbeat, \
         backend start, query start, xact start, state change, last vacuum, last autovacuum, \
         last analyze, last autoanalyze, stats reset, postmaster start time, event time, event \
         ts, valid until, build, deployed, commit ts, published, crawled, indexed, sys, system",
    ),
    in_text(
        Cues::SCORE,
        "gcs, mmse, moca, apgar, apgars, phq, gad, pain, strength, score, scores, scored, \
         rated, rating, grade, reflexes, dtr, dtrs, pulses, pulse, murmur, motor, nihss, bp, \
         blood pressure, va, vision, acuity, ratio, station, stage, asa, ecog, mallampati, \
         titer, titre, bishop, braden, morse, severity, intensity, scale, fraction, dose, \
         power, od, os, ou, strip, bpp, barthel, slums, visual, quadriceps, grip, systolic, \
         extremity, extremities, flexion, extension strength, biceps, triceps, deltoid, rest",
    ),
    at_once(
        Cues::ORDER,
        "order, order no, order number, order #, lot, lot no, lot number, lot #, accession, \
         accession no, accession number, accession #, exp, expires, expiry, expiration, \
         expiration date, exp date, batch, part no, part number, catalog, cat no, sku, ref, \
         invoice, claim, claim no, claim number, ticket, model, model no, icd, cpt, hcpcs, \
         drg, loinc, snomed, rxnorm, ndc, isbn, cas, protocol, version, build",
    ),
    in_columns(
        Cues::ZIP,
        "zip, zips, zipcode, zip code, postal, postcode, postal code",
    ),
    in_text(
        Cues::PO_BOX,
        "po box, p o box, post office box, pobox, po box no, po box number, p o box no, p o box \
         number, pob, p o b, po drawer, p o drawer, postal box, post box, mail box, p box",
    ),
    in_text(
        Cues::VERSION,
        "version, versions, ver, v, release, build, firmware, fw, rev, revision, driver, \
         upgraded to, oid, kernel, section",
    ),
    in_columns(
        Cues::QUANTITY,
        "id, ids, oid, pid, xid, tid, uid, gid, pk, fk, count, counts, cnt, amount, amt, \
         total, totals, cents, size, bytes, byte, epoch, port, code, codes, seq, sequence, \
         serial, version, num rows, rows, row, qty, quantity, sum, avg, price, cost, charge, \
         charges, balance, paid, duration, ms, seconds, secs, timestamp, ts, offset, length, \
         len, width, hash, lsn, txid, pages, blocks, tuples, usec, nsec, ns, us, claim, \
         invoice, version num, number of, checksum, crc, revenue, units, pop, population, \
         salary, distance, weight, rank, score, flags, bits, buffers, limit, rate, freq, \
         frequency",
    ),
];
