//! E-mail over SMTP.

use std::time::Duration;

use lettre::message::Mailbox;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

use crate::config::model::{Email, MailTls};

/// Each answer of the server.
const WITHIN: Duration = Duration::from_secs(10);
/// The whole of it.
const ALTOGETHER: Duration = Duration::from_secs(30);

/// Sends a message under a name that stays the same at each attempt.
///
/// # Errors
/// Why it is not known to have been taken.
pub(super) async fn send(
    email: &Email,
    id: &str,
    subject: String,
    text: String,
) -> Result<(), String> {
    let message = message(email, id, subject, text)?;
    let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&email.host)
        .port(email.port)
        .timeout(Some(WITHIN))
        .tls(match email.tls {
            MailTls::Off => Tls::None,
            MailTls::StartTls => Tls::Required(parameters(email)?),
            MailTls::Wrapped => Tls::Wrapper(parameters(email)?),
        });
    if let Some((user, password)) = &email.login {
        let password = String::from_utf8_lossy(password.expose()).into_owned();
        transport = transport.credentials(Credentials::new(user.clone(), password));
    }
    let transport = transport.build();
    let sent = tokio::time::timeout(ALTOGETHER, transport.send(message)).await;
    let sent = sent.map_err(|_| "no answer in time".to_owned())?;
    // The server's own words may be anything.
    sent.map(|_| ()).map_err(|error| match error.status() {
        Some(code) => format!("the server answers {code}"),
        None if error.is_timeout() => "no answer in time".to_owned(),
        None if error.is_tls() => "TLS failed: is its certificate of a known authority?".to_owned(),
        None if error.is_client() => "the server cannot do what is needed".to_owned(),
        None => "the server cannot be reached".to_owned(),
    })
}

fn message(email: &Email, id: &str, subject: String, text: String) -> Result<Message, String> {
    let mailbox = |text: &str| -> Result<Mailbox, String> {
        text.parse()
            .map_err(|_| format!("{text} is no address of e-mail"))
    };
    let mut builder = Message::builder()
        .from(mailbox(&email.from)?)
        .message_id(Some(format!("<{id}@velum.invalid>")))
        .subject(format!("[velum] {subject}"));
    for to in &email.to {
        builder = builder.to(mailbox(to)?);
    }
    builder.body(text).map_err(|error| error.to_string())
}

fn parameters(email: &Email) -> Result<TlsParameters, String> {
    let wrong = |_| "the authority of the mail server cannot be used".to_owned();
    let mut builder = TlsParameters::builder(email.host.clone());
    if let Some(ca) = &email.ca {
        builder = builder
            .certificate_store(CertificateStore::None)
            .add_root_certificate(Certificate::from_pem(ca).map_err(wrong)?);
    }
    builder.build_rustls().map_err(wrong)
}
