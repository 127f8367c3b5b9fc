//! Why there is no secure connection, for people who do not know the library.

use jiff::Timestamp;
use rustls::{
    AlertDescription, CertificateError, Error,
    pki_types::{CertificateDer, ServerName},
};
use tokio::io;
use wasmtime_wasi::{p2::StreamError, sockets::ErrorCode};

use super::{
    certificate,
    contract::{Certificate, Flaw, Refusal},
};

/// Names of a certificate that a message tells; more are counted.
const NAMES: usize = 5;

/// Why a chain of certificates is refused. `own` is the server's, as it came and as it is read.
pub(super) fn refusal(
    error: &Error,
    name: &str,
    der: &CertificateDer<'_>,
    own: &Certificate,
    trusted: &str,
) -> Refusal {
    let Error::InvalidCertificate(why) = error else {
        return Refusal { flaw: Flaw::Other, message: format!("the certificate of {name} can't be accepted: {error}") };
    };
    let untrusted = |why: &str| {
        if certificate::signs_for_itself(der) {
            let message = format!("the certificate of {name} is signed by itself, and is not trusted by {trusted}");
            Refusal { flaw: Flaw::SelfSigned, message }
        } else {
            let message = format!("the issuer of the certificate of {name} is not trusted by {trusted}: {why}");
            Refusal { flaw: Flaw::UnknownIssuer, message }
        }
    };
    match why {
        CertificateError::Expired => expired(name, own.not_after, own),
        CertificateError::ExpiredContext { not_after, .. } => expired(name, seconds(not_after.as_secs()), own),
        CertificateError::NotValidYet => not_yet(name, own.not_before),
        CertificateError::NotValidYetContext { not_before, .. } => not_yet(name, seconds(not_before.as_secs())),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            let message = format!("the certificate is not for {name} but for {}", listed(&own.names));
            Refusal { flaw: Flaw::WrongName, message }
        }
        CertificateError::UnknownIssuer => untrusted(&own.issuer),
        CertificateError::Revoked => {
            Refusal { flaw: Flaw::Revoked, message: format!("the certificate of {name} was revoked") }
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            Refusal { flaw: Flaw::Other, message: format!("the certificate of {name} is not meant for servers") }
        }
        // Among them that of an authority which serves by itself: that is how most sign for themselves.
        CertificateError::Other(_) if certificate::signs_for_itself(der) => untrusted(&own.issuer),
        other => Refusal {
            flaw: Flaw::Other,
            message: format!(
                "the certificate of {name} can't be accepted: {}",
                Error::InvalidCertificate(other.clone())
            ),
        },
    }
}

fn expired(name: &str, not_after: i64, own: &Certificate) -> Refusal {
    let whose = if own.not_after == not_after {
        format!("the certificate of {name}")
    } else {
        format!("a certificate that vouches for the one of {name}")
    };
    Refusal { flaw: Flaw::Expired, message: format!("{whose} expired on {}", date(not_after)) }
}

fn not_yet(name: &str, not_before: i64) -> Refusal {
    let message = format!("the certificate of {name} is not valid before {}", date(not_before));
    Refusal { flaw: Flaw::NotYetValid, message }
}

fn seconds(unsigned: u64) -> i64 {
    i64::try_from(unsigned).unwrap_or(i64::MAX)
}

fn date(seconds: i64) -> String {
    match Timestamp::from_second(seconds) {
        Ok(time) => time.strftime("%Y-%m-%d").to_string(),
        Err(_) => "a day that no calendar has".to_owned(),
    }
}

fn listed(names: &[String]) -> String {
    if names.is_empty() {
        return "no name at all".to_owned();
    }
    let more = names.len().saturating_sub(NAMES);
    let shown = names.iter().take(NAMES).map(String::as_str).collect::<Vec<_>>().join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

/// How a server is called.
pub(super) fn spoken(name: &ServerName<'_>) -> String {
    name.to_str().into_owned()
}

/// What the TLS library says is behind an error of a stream.
fn of_tls(error: &io::Error) -> Option<&Error> {
    error.get_ref().and_then(|source| source.downcast_ref())
}

/// What the server said on leaving, if it is that which is behind an error of a stream.
pub(in crate::engine) fn alert(error: &io::Error) -> Option<AlertDescription> {
    match of_tls(error) {
        Some(Error::AlertReceived(alert)) => Some(*alert),
        _ => None,
    }
}

/// What went wrong with a connection.
pub(in crate::engine) fn plain(error: &io::Error) -> String {
    if is_cut_off(error) {
        return "closed without a word of TLS".to_owned();
    }
    match of_tls(error) {
        Some(Error::InvalidMessage(_)) => "the answer is not TLS".to_owned(),
        Some(Error::AlertReceived(alert)) => of_alert(*alert),
        Some(Error::PeerIncompatible(why)) => {
            format!("the server has nothing in common with TLS 1.2 and 1.3 as they are safe ({why:?})")
        }
        Some(Error::NoApplicationProtocol) => "the server speaks none of the offered protocols (ALPN)".to_owned(),
        _ => error.to_string(),
    }
}

/// What is said of a server that asked who is there, heard that nobody is, and left without a word.
pub(in crate::engine) const UNSHOWN: &str =
    "closed after the server asked for a client certificate, and the check has none";

/// Whether the connection ended before there was anything of use: closed, or reset, as by a server that has not read all it was
/// told.
pub(super) fn is_cut_off(error: &io::Error) -> bool {
    let of_guest = error.get_ref().and_then(|source| source.downcast_ref());
    match of_guest {
        Some(StreamError::LastOperationFailed(source)) => {
            matches!(source.downcast_ref(), Some(ErrorCode::ConnectionReset))
        }
        _ => matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset),
    }
}

/// What the server means by an alert.
pub(in crate::engine) fn of_alert(alert: AlertDescription) -> String {
    use AlertDescription as Alert;
    match alert {
        Alert::CertificateRequired => "the server wants a client certificate, and the check has none".to_owned(),
        Alert::BadCertificate
        | Alert::UnsupportedCertificate
        | Alert::CertificateRevoked
        | Alert::CertificateExpired
        | Alert::CertificateUnknown
        | Alert::UnknownCA
        | Alert::AccessDenied => format!("the server does not accept the client certificate ({alert:?})"),
        Alert::ProtocolVersion => "the server speaks neither TLS 1.2 nor TLS 1.3".to_owned(),
        Alert::HandshakeFailure | Alert::InsufficientSecurity => {
            format!(
                "the server has no common ground with TLS 1.2 and 1.3 as they are safe, or misses a client certificate \
                 ({alert:?})"
            )
        }
        Alert::UnrecognisedName => "the server knows of no such name".to_owned(),
        Alert::NoApplicationProtocol => "the server speaks none of the offered protocols (ALPN)".to_owned(),
        other => format!("the server gave up: {other:?}"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::Duration;

    use rcgen::{CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
    use rustls::pki_types::UnixTime;

    use super::*;

    fn told(own: &rcgen::Certificate, error: CertificateError) -> Refusal {
        let read = certificate::read(own.der());
        refusal(&Error::InvalidCertificate(error), "a.test", own.der(), &read, "this system")
    }

    fn days(days: u64) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(days * 86_400))
    }

    #[test]
    fn a_refusal_says_what_is_wrong_and_what_is_there() {
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        authority.distinguished_name.push(DnType::CommonName, "Corner Shop CA");
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let names: Vec<String> = (1..=7).map(|n| format!("{n}.test")).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_after = date_time_ymd(1970, 1, 11);
        let own = params.signed_by(&KeyPair::generate().unwrap(), &authority).unwrap();
        let expired = |day| CertificateError::ExpiredContext { time: days(99), not_after: days(day) };
        let early = CertificateError::NotValidYetContext { time: days(1), not_before: days(365) };
        for (error, flaw, message) in [
            (expired(10), Flaw::Expired, "the certificate of a.test expired on 1970-01-11"),
            (expired(5), Flaw::Expired, "a certificate that vouches for the one of a.test expired on 1970-01-06"),
            (early, Flaw::NotYetValid, "the certificate of a.test is not valid before 1971-01-01"),
            (
                CertificateError::NotValidForName,
                Flaw::WrongName,
                "the certificate is not for a.test but for 1.test, 2.test, 3.test, 4.test, 5.test and 2 more",
            ),
            (CertificateError::Revoked, Flaw::Revoked, "the certificate of a.test was revoked"),
            (CertificateError::InvalidPurpose, Flaw::Other, "the certificate of a.test is not meant for servers"),
        ] {
            let told = told(&own, error);
            assert_eq!((told.flaw, told.message.as_str()), (flaw, message));
        }
        let stranger = told(&own, CertificateError::UnknownIssuer);
        assert_eq!(stranger.flaw, Flaw::UnknownIssuer);
        assert!(stranger.message.ends_with("is not trusted by this system: CN=Corner Shop CA"), "{}", stranger.message);
        assert_eq!(told(authority.as_ref(), CertificateError::UnknownIssuer).flaw, Flaw::SelfSigned);
        assert_eq!(listed(&[]), "no name at all");
    }

    #[test]
    fn alerts_are_in_plain_words() {
        let wrapped = |error: Error| plain(&io::Error::new(io::ErrorKind::InvalidData, error));
        assert!(
            wrapped(Error::AlertReceived(AlertDescription::CertificateRequired)).contains("wants a client certificate")
        );
        assert!(wrapped(Error::AlertReceived(AlertDescription::UnknownCA)).contains("does not accept"));
        for cut_off in [
            io::ErrorKind::UnexpectedEof.into(),
            io::ErrorKind::ConnectionReset.into(),
            io::Error::other(StreamError::LastOperationFailed(ErrorCode::ConnectionReset.into())),
        ] {
            assert_eq!(plain(&cut_off), "closed without a word of TLS");
        }
    }
}
