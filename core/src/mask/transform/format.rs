//! Format-preserving encryption of identifiers: digits become digits, letters become letters of
//! the same case, marks stay.
//!
//! Digits alone are encrypted with radix 10. Where letters are among them, all of them are read
//! as one number of mixed radix and encrypted bit by bit, again until the result is such a number
//! (cycle walking), so that it stays a permutation of the values of that form.

use super::super::Malformed;
use super::super::types::Scalar;
use super::TransformKey;
use super::ff1::{DOMAIN_LEAST, Ff1, NUMERALS_MOST, pop_digit, push_digit};
use super::value::{Form, decimal};

/// Walks that are taken; one in two ends at the worst, or one in nine for numbers.
const WALKS_MOST: usize = 1_000;
/// Fewest digits of a number that is encrypted: the first is no zero, so that seven have nine
/// million values.
const NUMBER_DIGITS_LEAST: usize = 7;

/// Which characters are encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alphabet {
    /// ASCII's digits; a value with letters is redacted.
    Digits,
    /// ASCII's digits and letters.
    Alphanumeric,
}

/// What the last digit says of the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckDigit {
    /// Nothing.
    None,
    /// ISO/IEC 7812-1.
    Luhn,
    /// A National Provider Identifier: ten digits, the first of them a one or a two, and Luhn
    /// over `80840` and the number (45 CFR 162.406).
    Npi,
}

/// How identifiers are encrypted.
#[derive(Clone)]
pub struct Format {
    /// Which characters.
    pub alphabet: Alphabet,
    /// The check digit, which is computed anew; for [`Alphabet::Digits`].
    pub check: CheckDigit,
    /// The key.
    pub key: TransformKey,
}

/// Encrypts a text, or a whole number as its digits.
pub(super) fn encrypt(
    format: &Format,
    form: Form,
    value: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    let ff1 = Ff1::new(format.key.expose());
    let Scalar::Text = form.scalar else {
        return number(format, &ff1, form, value, out);
    };
    let mark = out.len();
    out.extend_from_slice(value);
    let text = out.get_mut(mark..).unwrap_or_default();
    let is_text = |byte: &u8| match format.alphabet {
        Alphabet::Digits => byte.is_ascii() && !byte.is_ascii_alphabetic(),
        Alphabet::Alphanumeric => byte.is_ascii(),
    };
    if !text.iter().all(is_text) {
        return Err(Malformed);
    }
    let mut symbols: Vec<u8> = text
        .iter()
        .copied()
        .filter(u8::is_ascii_alphanumeric)
        .collect();
    if symbols.iter().all(u8::is_ascii_digit) {
        digits(format, &ff1, &mut symbols, |_| true)?;
    } else {
        mixed(&ff1, &mut symbols)?;
    }
    let places = text.iter_mut().filter(|byte| byte.is_ascii_alphanumeric());
    places
        .zip(symbols)
        .for_each(|(place, symbol)| *place = symbol);
    Ok(())
}

/// Encrypts a whole number to one of as many digits that its type holds.
fn number(
    format: &Format,
    ff1: &Ff1,
    form: Form,
    value: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    let most = match form.scalar {
        Scalar::Int4 => i64::from(i32::MAX),
        Scalar::Int8 | Scalar::Numeric => i64::MAX,
        _ => return Err(Malformed),
    };
    let mut symbols = form.integer(value)?.to_string().into_bytes();
    if symbols.len() < NUMBER_DIGITS_LEAST || !symbols.iter().all(u8::is_ascii_digit) {
        return Err(Malformed);
    }
    let is_number = |digits: &[u8]| {
        digits.first() != Some(&b'0') && decimal(digits).is_ok_and(|number| number <= most)
    };
    digits(format, ff1, &mut symbols, is_number)?;
    form.write_integer(decimal(&symbols)?, out)
}

/// Encrypts ASCII digits in place, again until they are accepted.
fn digits(
    format: &Format,
    ff1: &Ff1,
    symbols: &mut [u8],
    accepts: impl Fn(&[u8]) -> bool,
) -> Result<(), Malformed> {
    let body = match (format.check, &*symbols) {
        (CheckDigit::None, all) => 0..all.len(),
        (CheckDigit::Luhn, all) => 0..all.len().saturating_sub(1),
        // Both first digits are in use; which one it is says little.
        (CheckDigit::Npi, [b'1' | b'2', rest @ ..]) if rest.len() == 9 => 1..9,
        (CheckDigit::Npi, _) => return Err(Malformed),
    };
    let is_small = body.len() < 2 || 10_u64.saturating_pow(body.len() as u32) < DOMAIN_LEAST;
    if is_small || body.len() > NUMERALS_MOST {
        return Err(Malformed);
    }
    for _ in 0..WALKS_MOST {
        let part = symbols.get_mut(body.clone()).ok_or(Malformed)?;
        part.iter_mut().for_each(|digit| *digit -= b'0');
        ff1.encrypt(10, b"", part);
        part.iter_mut().for_each(|digit| *digit += b'0');
        put_check(format.check, symbols);
        if accepts(symbols) {
            return Ok(());
        }
    }
    Err(Malformed)
}

/// Computes the last digit anew.
fn put_check(check: CheckDigit, symbols: &mut [u8]) {
    let Some((last, others)) = symbols.split_last_mut() else {
        return;
    };
    let prefix = match check {
        CheckDigit::None => return,
        CheckDigit::Luhn => 0,
        // What 80840 adds to the sum.
        CheckDigit::Npi => 24,
    };
    let doubled = |digit: u32| digit * 2 - if digit > 4 { 9 } else { 0 };
    let sum: u32 = others
        .iter()
        .rev()
        .map(|symbol| u32::from(symbol - b'0'))
        .enumerate()
        .map(|(index, digit)| {
            if index % 2 == 0 {
                doubled(digit)
            } else {
                digit
            }
        })
        .sum();
    *last = b'0' + ((10 - (sum + prefix) % 10) % 10) as u8;
}

/// The radix of a character's kind, and the first character of it.
fn kind(symbol: u8) -> (u32, u8) {
    match symbol {
        b'0'..=b'9' => (10, b'0'),
        b'A'..=b'Z' => (26, b'A'),
        _ => (26, b'a'),
    }
}

/// Encrypts digits and letters in place.
fn mixed(ff1: &Ff1, symbols: &mut [u8]) -> Result<(), Malformed> {
    let domain = symbols.iter().fold(1_u64, |all, &symbol| {
        all.saturating_mul(u64::from(kind(symbol).0))
    });
    // A symbol is five bits at most.
    if domain < DOMAIN_LEAST || symbols.len() > NUMERALS_MOST / 5 {
        return Err(Malformed);
    }
    let mut number = vec![0; symbols.len()];
    let mut largest = vec![0; symbols.len()];
    for &symbol in symbols.iter() {
        let (radix, first) = kind(symbol);
        push_digit(radix, symbol - first, &mut number);
        push_digit(radix, (radix - 1) as u8, &mut largest);
    }
    let zeros = largest.iter().take_while(|&&byte| byte == 0).count();
    let top = largest.get(zeros).copied().unwrap_or_default();
    let unused = zeros * 8 + top.leading_zeros() as usize;
    let mut bits: Vec<u8> = (unused..number.len() * 8)
        .map(|at| {
            number
                .get(at / 8)
                .map_or(0, |byte| byte >> (7 - at % 8) & 1)
        })
        .collect();
    for _ in 0..WALKS_MOST {
        ff1.encrypt(2, b"", &mut bits);
        number.fill(0);
        for &bit in &bits {
            push_digit(2, bit, &mut number);
        }
        if number <= largest {
            for symbol in symbols.iter_mut().rev() {
                let (radix, first) = kind(*symbol);
                *symbol = first + pop_digit(radix, &mut number);
            }
            return Ok(());
        }
    }
    Err(Malformed)
}
