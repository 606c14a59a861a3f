//! FF1 of NIST SP 800-38G revision 1, with AES-256.
//!
//! ```text
//!  digits ─▶ A │ B ── ten rounds ─▶ A, B := B, A + F(round, B) mod radix^m ─▶ A │ B
//! ```
//!
//! Numerals are worked on digit by digit, so that no wide arithmetic is needed.

use aes::Aes256;
use aes::cipher::{BlockCipherEncrypt, KeyInit};

const BLOCK: usize = 16;
const ROUNDS: u8 = 10;
/// Fewest values that there have to be: with fewer, trying them all is cheap.
pub(super) const DOMAIN_LEAST: u64 = 1_000_000;
/// Longest numeral that is encrypted.
pub(super) const NUMERALS_MOST: usize = 1_024;

/// A cipher under one key.
pub(super) struct Ff1(Aes256);

/// Into which direction the rounds go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Encrypt,
    #[cfg(test)]
    Decrypt,
}

impl Ff1 {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        Self(Aes256::new(key.into()))
    }

    /// Encrypts digits of this radix, 2 to 256, each below it, in place. Two and more digits,
    /// up to [`NUMERALS_MOST`]; whoever calls has seen to [`DOMAIN_LEAST`].
    pub(super) fn encrypt(&self, radix: u16, tweak: &[u8], digits: &mut [u8]) {
        self.run(Direction::Encrypt, radix, tweak, digits);
    }

    /// The reverse.
    #[cfg(test)]
    pub(super) fn decrypt(&self, radix: u16, tweak: &[u8], digits: &mut [u8]) {
        self.run(Direction::Decrypt, radix, tweak, digits);
    }

    fn run(&self, direction: Direction, radix: u16, tweak: &[u8], digits: &mut [u8]) {
        let (left, right) = digits.split_at_mut(digits.len() / 2);
        let (mut a, mut b) = (left.to_vec(), right.to_vec());
        let round = Round {
            cipher: &self.0,
            radix,
            head: head(radix, left.len(), left.len() + right.len(), tweak.len()),
            tweak,
            number_bytes: number_bytes(radix, right.len()),
        };
        for step in 0..ROUNDS {
            match direction {
                Direction::Encrypt => {
                    let y = round.function(step, &b, a.len());
                    add(radix, &mut a, &y);
                    std::mem::swap(&mut a, &mut b);
                }
                #[cfg(test)]
                Direction::Decrypt => {
                    let y = round.function(ROUNDS - 1 - step, &a, b.len());
                    subtract(radix, &mut b, &y);
                    std::mem::swap(&mut a, &mut b);
                }
            }
        }
        left.copy_from_slice(&a);
        right.copy_from_slice(&b);
    }
}

/// What all rounds have in common.
struct Round<'a> {
    cipher: &'a Aes256,
    radix: u16,
    /// P of the standard.
    head: [u8; BLOCK],
    tweak: &'a [u8],
    /// b of the standard.
    number_bytes: usize,
}

impl Round<'_> {
    /// The last `count` digits of the number that the round's function gives.
    fn function(&self, step: u8, half: &[u8], count: usize) -> Vec<u8> {
        let mut input = self.tweak.to_vec();
        // Zeros up to where the round's number and the numeral fill the block.
        let used = (self.tweak.len() + self.number_bytes + 1) % BLOCK;
        input.resize(input.len() + (BLOCK - used) % BLOCK, 0);
        input.push(step);
        let mut number = vec![0; self.number_bytes];
        read_digits(u32::from(self.radix), half, &mut number);
        input.extend_from_slice(&number);

        let mut state = self.cipher_of(self.head);
        for block in input.chunks_exact(BLOCK) {
            let mut mixed = state;
            mixed
                .iter_mut()
                .zip(block)
                .for_each(|(byte, with)| *byte ^= with);
            state = self.cipher_of(mixed);
        }
        // d of the standard.
        let wanted = 4 * self.number_bytes.div_ceil(4) + 4;
        let mut stream = state.to_vec();
        let mut block_number: u128 = 1;
        while stream.len() < wanted {
            let block = u128::from_be_bytes(state) ^ block_number;
            stream.extend_from_slice(&self.cipher_of(block.to_be_bytes()));
            block_number += 1;
        }
        stream.truncate(wanted);
        write_digits(u32::from(self.radix), &mut stream, count)
    }

    fn cipher_of(&self, block: [u8; BLOCK]) -> [u8; BLOCK] {
        let mut block = block.into();
        self.cipher.encrypt_block(&mut block);
        block.into()
    }
}

/// P: version, method, radix, rounds, length of the left half, of all, of the tweak.
fn head(radix: u16, left: usize, all: usize, tweak: usize) -> [u8; BLOCK] {
    let [r1, r2] = radix.to_be_bytes();
    let [n1, n2, n3, n4] = (all as u32).to_be_bytes();
    let [t1, t2, t3, t4] = (tweak as u32).to_be_bytes();
    let left = (left % 256) as u8;
    [
        1, 2, 1, 0, r1, r2, ROUNDS, left, n1, n2, n3, n4, t1, t2, t3, t4,
    ]
}

/// Bytes of the largest number of so many digits.
fn number_bytes(radix: u16, digits: usize) -> usize {
    let largest = vec![(radix - 1) as u8; digits];
    let mut number = vec![0; digits];
    read_digits(u32::from(radix), &largest, &mut number);
    digits - number.iter().take_while(|&&byte| byte == 0).count()
}

/// Adds `digits`, most significant first, behind those that `number` holds already; big-endian.
pub(super) fn read_digits(radix: u32, digits: &[u8], number: &mut [u8]) {
    for &digit in digits {
        push_digit(radix, digit, number);
    }
}

/// number := number · radix + digit
pub(super) fn push_digit(radix: u32, digit: u8, number: &mut [u8]) {
    let mut carry = u32::from(digit);
    for byte in number.iter_mut().rev() {
        let sum = u32::from(*byte) * radix + carry;
        *byte = (sum & 0xff) as u8;
        carry = sum >> 8;
    }
}

/// Takes the last digit off a big-endian number.
pub(super) fn pop_digit(radix: u32, number: &mut [u8]) -> u8 {
    let mut rest = 0;
    for byte in number.iter_mut() {
        let part = rest << 8 | u32::from(*byte);
        *byte = (part / radix) as u8;
        rest = part % radix;
    }
    rest as u8
}

/// The last `count` digits of a big-endian number, most significant first.
fn write_digits(radix: u32, number: &mut [u8], count: usize) -> Vec<u8> {
    let mut digits = vec![0; count];
    for digit in digits.iter_mut().rev() {
        *digit = pop_digit(radix, number);
    }
    digits
}

/// a := a + b, as many digits as there are.
fn add(radix: u16, a: &mut [u8], b: &[u8]) {
    let mut carry = 0;
    for (digit, other) in a.iter_mut().zip(b).rev() {
        let sum = u16::from(*digit) + u16::from(*other) + carry;
        *digit = (sum % radix) as u8;
        carry = sum / radix;
    }
}

/// a := a - b, as many digits as there are.
#[cfg(test)]
fn subtract(radix: u16, a: &mut [u8], b: &[u8]) {
    let mut borrow = 0;
    for (digit, other) in a.iter_mut().zip(b).rev() {
        let difference = radix + u16::from(*digit) - u16::from(*other) - borrow;
        *digit = (difference % radix) as u8;
        borrow = u16::from(difference < radix);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: [u8; 32] = [
        0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6, 0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf, 0x4f,
        0x3c, 0xef, 0x43, 0x59, 0xd8, 0xd5, 0x80, 0xaa, 0x4f, 0x7f, 0x03, 0x6d, 0x6f, 0x04, 0xfc,
        0x6a, 0x94,
    ];

    fn digits(text: &str) -> Vec<u8> {
        text.chars()
            .map(|digit| digit.to_digit(36).unwrap() as u8)
            .collect()
    }

    /// NIST's sample vectors 7 to 9 for FF1 with AES-256.
    #[test]
    fn the_sample_vectors_of_nist() {
        for (radix, tweak, plain, encrypted) in [
            (10, &b""[..], "0123456789", "6657667009"),
            (10, b"9876543210", "0123456789", "1001623463"),
            (
                36,
                b"7777pqrs777",
                "0123456789abcdefghi",
                "xs8a0azh2avyalyzuwd",
            ),
        ] {
            let ff1 = Ff1::new(&KEY);
            let mut value = digits(plain);
            ff1.encrypt(radix, tweak, &mut value);
            assert_eq!(value, digits(encrypted));
            ff1.decrypt(radix, tweak, &mut value);
            assert_eq!(value, digits(plain));
        }
    }

    proptest! {
        #[test]
        fn decrypting_gives_back_what_was_encrypted(
            radix in 2_u16..=256, length in 2_usize..200,
            tweak in prop::collection::vec(any::<u8>(), 0..40),
            seed in any::<[u8; 32]>(),
        ) {
            let value: Vec<u8> = (0..length)
                .map(|index| (u16::from(seed[index % 32]).wrapping_mul(31) % radix) as u8)
                .collect();
            let ff1 = Ff1::new(&seed);
            let mut changed = value.clone();
            ff1.encrypt(radix, &tweak, &mut changed);
            prop_assert!(changed.iter().all(|&digit| u16::from(digit) < radix));
            ff1.decrypt(radix, &tweak, &mut changed);
            prop_assert_eq!(changed, value);
        }
    }
}
