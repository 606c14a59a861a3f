//! Calendar dates as a count of days, written the ways that hospitals write them.

use std::fmt;

/// Days since 1970-01-01 in the proleptic Gregorian calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date(pub i64);

impl Date {
    /// Year, month from 1, day from 1 (H. Hinnant, "chrono-compatible low-level date
    /// algorithms", `civil_from_days`).
    pub fn parts(self) -> (i64, i64, i64) {
        let shifted = self.0 + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_index = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_index + 2) / 5 + 1;
        let month = if month_index < 10 {
            month_index + 3
        } else {
            month_index - 9
        };
        (year_of_era + era * 400 + i64::from(month <= 2), month, day)
    }

    /// `03/25/1984`
    pub fn american(self) -> String {
        let (year, month, day) = self.parts();
        format!("{month:02}/{day:02}/{year:04}")
    }

    /// `19840325`, as in HL7 v2.
    pub fn compact(self) -> String {
        let (year, month, day) = self.parts();
        format!("{year:04}{month:02}{day:02}")
    }
}

/// `1984-03-25`
impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.parts();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_calendar() {
        assert_eq!(Date(0).to_string(), "1970-01-01");
        assert_eq!(Date(11_016).to_string(), "2000-02-29");
        assert_eq!(Date(-14_610).to_string(), "1930-01-01");
        assert_eq!(Date(5_197).american(), "03/25/1984");
        assert_eq!(Date(20_453).compact(), "20251231");
    }
}
