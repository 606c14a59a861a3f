//! Checksums, calendars and ranges: what tells an identifier from a look-alike.

pub(crate) mod calendar;
pub(crate) mod checksum;
pub(crate) mod ranges;
