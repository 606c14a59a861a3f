//! PostgreSQL's MD5 password message, towards databases that still ask for it.

use md5::{Digest, Md5};
use zeroize::Zeroizing;

use crate::stack;

/// `"md5" + hex(md5(hex(md5(password + user)) + salt))`
///
/// <https://www.postgresql.org/docs/current/protocol-flow.html>, AuthenticationMD5Password.
pub(super) fn response(user: &str, password: &[u8], salt: &[u8]) -> Zeroizing<String> {
    let inner = hex(Md5::new()
        .chain_update(password)
        .chain_update(user.as_bytes()));
    let outer = hex(Md5::new().chain_update(inner.as_bytes()).chain_update(salt));
    // The digest has had the password in a block of its own.
    stack::wipe();
    Zeroizing::new(format!("md5{}", *outer))
}

fn hex(digest: Md5) -> Zeroizing<String> {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    let mut text = Zeroizing::new(String::with_capacity(32));
    for byte in digest.finalize() {
        for digit in [byte >> 4, byte & 15] {
            text.extend(DIGITS.get(usize::from(digit)));
        }
    }
    text
}
