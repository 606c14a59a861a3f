-- The synthetic clinic. Keys and indexes come after the data, see load.rs.
create schema clinic;

-- Columns that a masking rule names by their own name, renamed as views do it.
create view clinic.patient_directory as
    select id as patient_number, ssn as national_id, full_name as who, dob as birthday,
           email as mailbox, phone as line, city
    from clinic.patients;

create view clinic.open_claims as
    select claims.id as claim, patients.full_name as debtor, patients.ssn as tax_number,
           claims.amount - claims.paid as due
    from clinic.claims join clinic.patients on patients.id = claims.patient_id
    where claims.status = 'open';
