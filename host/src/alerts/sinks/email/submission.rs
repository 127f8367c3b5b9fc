//! One conversation with a server of mail (RFC 5321): each recipient is accepted or refused by itself, and those who are accepted get
//! the message.

use std::error::Error as _;

use lettre::{
    Address,
    transport::smtp::{
        Error,
        authentication::{Credentials, DEFAULT_MECHANISMS},
        client::{AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters},
        commands::{Data, Mail, Quit, Rcpt},
        extension::{ClientId, Extension, MailParameter},
    },
};

use crate::{
    alerts::{delivery::Failure, web::unvouched},
    client::refusal,
    config::{Email, Security},
};

/// The answer by which a server says that it is about to leave (RFC 5321, section 4.2.3).
const CLOSING: &str = "421";

pub(super) struct Submission<'a> {
    email: &'a Email,
    connection: AsyncSmtpConnection,
}

/// Whom the server does not take mail for.
pub(super) struct Refused {
    pub(super) who: Address,
    /// What it says.
    pub(super) why: String,
    /// Whether it would say the same at another time.
    pub(super) permanent: bool,
}

impl<'a> Submission<'a> {
    /// Connects, and logs in. Whatever is refused here is so for any message, until somebody puts it right.
    pub(super) async fn open(email: &'a Email) -> Result<Submission<'a>, Failure> {
        let name = ClientId::default();
        let tls = match email.security {
            Security::Tls | Security::StartTls => Some(parameters(email).map_err(Failure::passing)?),
            Security::Nothing => None,
        };
        let (first, later) = if email.security == Security::Tls { (tls, None) } else { (None, tls) };
        let server = (email.host.as_str(), email.port);
        let connected = AsyncSmtpConnection::connect_tokio1(server, None, &name, first, None).await;
        let mut connection = connected.map_err(|error| unsent(email, &error))?;
        if let Some(tls) = later {
            connection.starttls(tls, &name).await.map_err(|error| unsent(email, &error))?;
        }
        if let Some((name, password)) = &email.login {
            let credentials = Credentials::new(name.clone(), password.reveal().to_owned());
            connection.auth(DEFAULT_MECHANISMS, &credentials).await.map_err(|error| unsent(email, &error))?;
        }
        Ok(Submission { email, connection })
    }

    /// Says from whom a message is, and for whom; returns who is accepted, and who is not.
    pub(super) async fn address(
        &mut self,
        from: &Address,
        to: Vec<Address>,
    ) -> Result<(Vec<Address>, Vec<Refused>), Failure> {
        let plain = |address: &Address| AsRef::<str>::as_ref(address).is_ascii();
        let speaks_utf8 = self.connection.server_info().supports_feature(Extension::SmtpUtfEight);
        let in_utf8 = speaks_utf8 && !(plain(from) && to.iter().all(plain));
        let options = if in_utf8 { vec![MailParameter::SmtpUtfEight] } else { Vec::new() };
        let mail = self.connection.command(Mail::new(Some(from.clone()), options)).await;
        mail.map_err(|error| unsent(self.email, &error))?;
        let (mut accepted, mut refused) = (Vec::new(), Vec::new());
        for who in to {
            if !plain(&who) && !in_utf8 {
                let why = "the server takes no addresses beyond ASCII".to_owned();
                refused.push(Refused { who, why, permanent: true });
                continue;
            }
            match self.connection.command(Rcpt::new(who.clone(), Vec::new())).await {
                Ok(_) => accepted.push(who),
                Err(error) if is_about_one(&error) => {
                    refused.push(Refused { who, why: in_words(&error), permanent: error.is_permanent() });
                }
                Err(error) => return Err(unsent(self.email, &error)),
            }
        }
        Ok((accepted, refused))
    }

    /// Hands the message over. A refusal that would be the same at another time is one of this message.
    pub(super) async fn hand_over(&mut self, message: &[u8]) -> Result<(), Failure> {
        let handed = async {
            self.connection.command(Data).await?;
            self.connection.message(message).await
        };
        handed
            .await
            .map(drop)
            .map_err(|error| Failure { permanent: error.is_permanent(), ..unsent(self.email, &error) })
    }

    /// Takes leave. What was handed over stays so, whatever the server says to that.
    pub(super) async fn close(&mut self) {
        drop(self.connection.command(Quit).await);
        self.connection.abort().await;
    }
}

/// Whether the server refuses what it was asked, and stays for what is next.
fn is_about_one(error: &Error) -> bool {
    error.status().is_some_and(|code| code.to_string() != CLOSING)
}

fn unsent(email: &Email, error: &Error) -> Failure {
    let server = format!("{}:{}", email.host, email.port);
    Failure::passing(match refusal(error) {
        Some(refusal) => unvouched(format!("no TLS with {server}: {}", refusal.why), refusal.of_certificate),
        None if error.status().is_some() => format!("{server} did not take it: {}", in_words(error)),
        None => format!("can't talk to {server}: {}", in_words(error)),
    })
}

/// What the server says, or what is behind all that the library says around it.
fn in_words(error: &Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source.filter(|_| error.status().is_none()) {
        words = cause.to_string();
        source = cause.source();
    }
    words
}

fn parameters(email: &Email) -> Result<TlsParameters, String> {
    let mut parameters = TlsParameters::builder(email.host.clone());
    if let Some(authorities) = &email.tls.authorities {
        parameters = parameters.certificate_store(CertificateStore::None);
        for der in authorities.der() {
            let certificate = Certificate::from_der(der.to_vec()).map_err(|error| error.to_string())?;
            parameters = parameters.add_root_certificate(certificate);
        }
    }
    parameters.build_rustls().map_err(|error| format!("TLS can't be set up: {error}"))
}
