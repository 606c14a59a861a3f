//! A POST, signed as Standard Webhooks has it: <https://www.standardwebhooks.com>.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::Method;
use zeroize::Zeroizing;

use crate::http::{self, Call};
use crate::identity::place::Place;

/// From the connection to the answer.
const WITHIN: Duration = Duration::from_secs(10);
/// Nobody reads what the other side says.
const ANSWER_BYTES: usize = 64 * 1024;
/// What secrets of Standard Webhooks begin with; the rest is base64.
const ENCODED: &[u8] = b"whsec_";

/// Sends a body, with these headers besides.
///
/// # Errors
/// Why it is not known to have arrived.
pub(super) async fn post(
    place: &Place,
    tls: &Arc<rustls::ClientConfig>,
    body: Vec<u8>,
    headers: &[(&'static str, &str)],
) -> Result<(), String> {
    let mut all = vec![("content-type", "application/json")];
    all.extend_from_slice(headers);
    let call = Call {
        method: Method::POST,
        place,
        headers: &all,
        body: body.into(),
        answer_bytes: ANSWER_BYTES,
    };
    let answered = tokio::time::timeout(WITHIN, http::ask(&call, tls)).await;
    let answer = answered.map_err(|_| format!("no answer within {} s", WITHIN.as_secs()))??;
    match answer.status.is_success() {
        true => Ok(()),
        false => Err(format!("answered {}", answer.status.as_u16())),
    }
}

/// `webhook-signature`: HMAC-SHA-256 over name, time and body.
pub(super) fn signature(secret: &[u8], id: &str, timestamp_s: u64, body: &[u8]) -> String {
    let decoded = secret
        .strip_prefix(ENCODED)
        .map(|text| STANDARD.decode(text));
    let secret = match decoded {
        Some(Ok(key)) => Zeroizing::new(key),
        _ => Zeroizing::new(secret.to_vec()),
    };
    let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
    let mut context = hmac::Context::with_key(&key);
    context.update(format!("{id}.{timestamp_s}.").as_bytes());
    context.update(body);
    format!("v1,{}", STANDARD.encode(context.sign()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of those who wrote the specification.
    #[test]
    fn a_signature_is_as_specified() {
        let secret = b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let body = br#"{"test": 2432232314}"#;
        let signed = signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
