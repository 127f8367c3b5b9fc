//! Why there is no TLS with a server, for people who do not know the library.

use std::{error::Error, io};

use rustls::{CertificateError, InvalidMessage};

/// Why there is no TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What is wrong.
    pub why: String,
    /// Whether it is wrong with the server's certificate: what is trusted may have to be said.
    pub of_certificate: bool,
}

/// What an error says of TLS; `None`: it has another cause.
#[must_use]
pub fn refusal(error: &(dyn Error + 'static)) -> Option<Refusal> {
    let error = cause(error)?;
    let (why, of_certificate) = match error {
        // No server's certificate: webpki's word for it is known to rustls by its text alone.
        rustls::Error::InvalidCertificate(other @ CertificateError::Other(_))
            if format!("{other:?}").contains("CaUsedAsEndEntity") =>
        {
            let why = "its certificate is that of an authority, which vouches for servers and must not be one; give it a \
                       certificate that says CA:FALSE (as of `openssl req -x509 -addext basicConstraints=critical,CA:FALSE`)";
            (why.to_owned(), true)
        }
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            ("nobody who is trusted vouches for its certificate".to_owned(), true)
        }
        rustls::Error::InvalidCertificate(_) => (error.to_string(), true),
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            ("what it says is no TLS; is this a port that speaks in the clear?".to_owned(), false)
        }
        other => (other.to_string(), false),
    };
    Some(Refusal { why, of_certificate })
}

/// The error of TLS that is behind another one.
fn cause<'a>(mut error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    loop {
        if let Some(found) = error.downcast_ref::<rustls::Error>() {
            return Some(found);
        }
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        error = match inner {
            Some(inner) => inner,
            None => error.source()?,
        };
    }
}
