//! What a certificate says, for guests and for people.

use std::net::IpAddr;

use rustls::{
    CertificateError, Error,
    pki_types::{CertificateDer, UnixTime},
};
use sha2::{Digest, Sha256};
use x509_parser::{certificate::X509Certificate, extensions::GeneralName, prelude::FromDer, x509::X509Name};

use super::{contract::Certificate, verifier::untimely};
use crate::engine::output::cut;

/// Bytes of a subject, an issuer or a serial number; real ones have about a tenth.
const TEXT: usize = 512;
/// Names of one certificate. Some that serve many sites have a hundred; a person reads a few.
const NAMES: usize = 64;
/// Bytes of a name: the longest that DNS has (RFC 1035, section 2.3.4).
const NAME: usize = 253;

/// What a certificate says. One that can't be read has a fingerprint, and nothing else.
pub(super) fn read(der: &CertificateDer<'_>) -> Certificate {
    let fingerprint = Sha256::digest(der).iter().map(|byte| format!("{byte:02x}")).collect();
    let Ok((_, parsed)) = X509Certificate::from_der(der) else {
        return Certificate {
            subject: String::new(),
            issuer: String::new(),
            serial: String::new(),
            not_before: 0,
            not_after: 0,
            names: Vec::new(),
            fingerprint,
        };
    };
    let serial: String = parsed.raw_serial().iter().map(|byte| format!("{byte:02x}")).collect();
    let validity = parsed.validity();
    Certificate {
        subject: shown(parsed.subject()),
        issuer: shown(parsed.issuer()),
        serial: cut(&serial, TEXT).0.to_owned(),
        not_before: validity.not_before.timestamp(),
        not_after: validity.not_after.timestamp(),
        names: names(&parsed),
        fingerprint,
    }
}

/// Whether a certificate names itself as its issuer.
pub(super) fn signs_for_itself(der: &CertificateDer<'_>) -> bool {
    X509Certificate::from_der(der)
        .is_ok_and(|(_, certificate)| certificate.subject().as_raw() == certificate.issuer().as_raw())
}

/// # Errors
///
/// The certificate is valid no more, or not yet, or can't be read.
pub(super) fn in_time(der: &CertificateDer<'_>, now: UnixTime) -> Result<(), Error> {
    let (_, certificate) = X509Certificate::from_der(der).map_err(|_| CertificateError::BadEncoding)?;
    let validity = certificate.validity();
    match untimely(now, validity.not_before.timestamp(), validity.not_after.timestamp()) {
        Some(error) => Err(error.into()),
        None => Ok(()),
    }
}

fn shown(name: &X509Name<'_>) -> String {
    printable(&name.to_string(), TEXT)
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(alternatives)) = certificate.subject_alternative_name() else {
        return Vec::new();
    };
    let names = alternatives.value.general_names.iter().filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(printable(name, NAME)),
        GeneralName::IPAddress(bytes) => address(bytes).map(|address| address.to_string()),
        _ => None,
    });
    names.take(NAMES).collect()
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from);
    v4.or_else(|| <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from))
}

/// A text of the server's, fit to be shown.
fn printable(text: &str, most: usize) -> String {
    let line: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    cut(&line, most).0.to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use rcgen::{CertificateParams, DnType, KeyPair, SanType, SerialNumber, date_time_ymd};

    use super::*;

    #[test]
    fn a_certificate_is_read_and_bounded() {
        let mut params =
            CertificateParams::new((0..100).map(|n| format!("host-{n}.test")).collect::<Vec<_>>()).unwrap();
        params.distinguished_name.push(DnType::OrganizationName, "x".repeat(2_000));
        params.distinguished_name.push(DnType::CommonName, "a\nb");
        params.subject_alt_names.insert(0, SanType::IpAddress("::1".parse().unwrap()));
        params.serial_number = Some(SerialNumber::from(0x01ff_u64));
        params.not_before = date_time_ymd(2026, 1, 2);
        params.not_after = date_time_ymd(2026, 1, 3);
        let key = KeyPair::generate().unwrap();
        let own = params.self_signed(&key).unwrap();
        let read = read(own.der());
        assert_eq!(read.subject, read.issuer);
        assert!(read.subject.len() <= TEXT && !read.subject.contains('\n'), "{}", read.subject);
        assert_eq!((read.not_before, read.not_after), (1_767_312_000, 1_767_398_400));
        assert_eq!(read.names.len(), NAMES);
        assert_eq!(read.names[..2], ["::1", "host-0.test"]);
        assert_eq!((read.serial.as_str(), read.fingerprint.len()), ("01ff", 64));
        assert!(signs_for_itself(own.der()));

        let at = |seconds| UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        for (now, is_in_time) in
            [(1_767_311_999, false), (1_767_312_000, true), (1_767_398_400, true), (1_767_398_401, false)]
        {
            assert_eq!(in_time(own.der(), at(now)).is_ok(), is_in_time, "{now}");
        }
    }

    #[test]
    fn garbage_has_a_fingerprint() {
        let read = read(&CertificateDer::from(&b"garbage"[..]));
        assert_eq!((read.subject.as_str(), read.fingerprint.len()), ("", 64));
        assert!(!signs_for_itself(&CertificateDer::from(&b"garbage"[..])));
    }
}
