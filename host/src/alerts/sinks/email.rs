//! Mail, handed to a server that sends it on.

use futures_util::future::BoxFuture;
use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::header::{self, ContentType, HeaderName, HeaderValue},
    transport::smtp::{
        authentication::Credentials,
        client::{Certificate, CertificateStore, Tls, TlsParameters},
    },
};
use probity_core::alert::Letter;

use crate::{
    alerts::delivery::{Deliver, Failure},
    config::{Email, Security},
};

pub(super) struct ByEmail {
    email: Email,
    transport: Result<AsyncSmtpTransport<Tokio1Executor>, String>,
}

impl ByEmail {
    pub(super) fn new(email: &Email) -> ByEmail {
        ByEmail { transport: transport(email), email: email.clone() }
    }

    fn write(&self, letter: &Letter) -> Result<Message, String> {
        let mut message = Message::builder()
            .from(self.email.from.clone())
            .subject(format!("[probity] {}", letter.title))
            // However often it is sent, it is the same message to whoever gets it.
            .message_id(Some(format!("<{}@{}>", letter.id, domain(&letter.node_id))))
            .header(Automatic)
            .header(ContentType::TEXT_PLAIN);
        for to in &self.email.to {
            message = message.to(to.clone());
        }
        message.body(letter.text.clone()).map_err(|error| error.to_string())
    }
}

impl Deliver for ByEmail {
    fn deliver<'a>(&'a self, letter: &'a Letter) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let transport = self.transport.as_ref().map_err(Failure::passing)?;
            let message = self
                .write(letter)
                .map_err(|error| Failure::permanent(format!("no mail can be made of it: {error}")))?;
            let sent = transport.send(message).await;
            let Email { host, port, .. } = &self.email;
            sent.map(|_| ()).map_err(|error| {
                let source = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
                let message = format!("{host}:{port} did not take it: {error}{source}");
                // A refusal by which a mailbox is unknown is put right in the configuration, and then it is sent.
                Failure::passing(message)
            })
        })
    }
}

fn transport(email: &Email) -> Result<AsyncSmtpTransport<Tokio1Executor>, String> {
    let parameters = || {
        let mut parameters = TlsParameters::builder(email.host.clone());
        if let Some(authorities) = &email.tls.authorities {
            parameters = parameters.certificate_store(CertificateStore::None);
            for der in authorities.der() {
                let certificate = Certificate::from_der(der.to_vec()).map_err(|error| error.to_string())?;
                parameters = parameters.add_root_certificate(certificate);
            }
        }
        parameters.build_rustls().map_err(|error| format!("TLS can't be set up: {error}"))
    };
    let tls = match email.security {
        Security::Tls => Tls::Wrapper(parameters()?),
        Security::StartTls => Tls::Required(parameters()?),
        Security::Nothing => Tls::None,
    };
    // It is dangerous for those who leave out what is given here.
    let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&email.host).port(email.port).tls(tls);
    if let Some((name, password)) = &email.login {
        transport = transport.credentials(Credentials::new(name.clone(), password.reveal().to_owned()));
    }
    Ok(transport.build())
}

/// What stands behind the `@` of a message's id.
fn domain(node_id: &str) -> String {
    let letter = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.');
    let domain: String = node_id.chars().filter(|found| letter(*found)).collect();
    if domain.is_empty() { "probity".into() } else { domain }
}

/// That no machine is to answer (RFC 3834, section 5).
#[derive(Clone)]
struct Automatic;

impl header::Header for Automatic {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Automatic, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Automatic)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Automatic::name(), "auto-generated".to_owned())
    }
}
