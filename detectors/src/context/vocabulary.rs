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
    in_columns(
        Cues::MRN,
        "mrn, mrns, emrn, mpi, empi, medical record, medicalrecord, med rec, medrec, mr no, \
         mr number, mr num, mr #, chart no, chart number, chart #, hospital no, hospital \
         number, hospital #, unit number, health record",
    ),
    in_text(
        Cues::MRN,
        "patient id, patient identifier, patient no, patient number, patient #, pt id, \
         pt no, pt #, unit no, record number, record no, record #, patientid",
    ),
    at_once(Cues::MRN, "chart, mr"),
    in_columns(
        Cues::PHONE,
        "phone, phones, telephone, tel, mobile, cellphone, fax, facsimile, pager, homephone, \
         workphone, cell phone, phone no, phone number",
    ),
    in_text(
        Cues::PHONE,
        "cell, ph, call, calls, called, contact, callback, text, reach, beeper",
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
        "account, accounts, acc no, a c no, routing, aba",
    ),
    in_columns(
        Cues::HEALTH_PLAN,
        "member number, member no, member #, subscriber id, subscriber number, subscriber no, \
         subscriber #, policy number, policy no, policy #, mbi, hicn, medicare id, medicare \
         number, medicare no, medicare #, medicaid id, medicaid number, medicaid no, medicaid \
         #, beneficiary id, beneficiary number, insurance id, insurance number, insurance no, \
         insurance #, health plan id, health plan number, policynumber, subscriberid",
    ),
    in_text(
        Cues::HEALTH_PLAN,
        "member id, memberid, policy id, beneficiary, hpid",
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
        Cues::ZIP,
        "zip, zips, zipcode, zip code, postal, postcode, postal code",
    ),
    in_text(Cues::PO_BOX, "po box, p o box, post office box, pobox"),
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
