//! What is made of a handshake that is done.

use probity_guest::{Attempt, Handshake, Status, Verdict, Verification, certificate::Shown, settings::Span};

use crate::settings::{Settings, Version};

/// Judges a handshake that is done.
pub(crate) fn judge(settings: &Settings, attempt: &Attempt, handshake: &Handshake) -> Verdict {
    let (status, message) = finding(settings, handshake, Shown::of(handshake).as_ref());
    let slow = settings.degraded_after.filter(|Span(limit)| attempt.elapsed() > *limit);
    match (status, slow) {
        (Status::Healthy, Some(limit)) => attempt.healthy_within(Some(limit), message),
        (status, _) => Verdict::new(status, message),
    }
}

/// How a server is by what it showed, and a line that says so.
fn finding(settings: &Settings, handshake: &Handshake, shown: Option<&Shown>) -> (Status, String) {
    let name = &handshake.server_name;
    let spoken = handshake.protocol.as_deref().unwrap_or("an unknown version of TLS");
    if settings.min_version.is_some_and(|least| Version::parse(spoken).is_none_or(|spoken| spoken < least)) {
        let least = settings.min_version.map_or("", Version::name);
        return (Status::Unhealthy, format!("{name} speaks {spoken}, expected {least} at least"));
    }
    let Some(shown) = shown else {
        return (Status::Unhealthy, format!("{name} showed no certificate"));
    };
    let (status, message) = settings.lifetime().judge(shown);
    match &handshake.verification {
        // One that has expired is bad enough.
        Verification::Skipped(Some(refusal)) if shown.days_left >= 0.0 => {
            (status, format!("{message}; unverified: {}", refusal.message))
        }
        _ => (status, message),
    }
}

/// Some of the names, and how many more there are.
pub(crate) fn listed(names: &[String], most: usize) -> String {
    let shown = names[..names.len().min(most)].join(", ");
    match names.len().saturating_sub(most) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use probity_guest::{Certificate, ClientCertificate, Flaw, Refusal, settings::parse};

    use super::*;

    fn handshake(protocol: &str, verification: Verification) -> Handshake {
        let own = Certificate {
            subject: "CN=a.test".to_owned(),
            issuer: "CN=b".to_owned(),
            serial: "01".to_owned(),
            not_before: 0,
            not_after: 1_767_312_000,
            names: vec!["a.test".to_owned()],
            fingerprint: "00".to_owned(),
        };
        Handshake {
            server_name: "a.test".to_owned(),
            failure: None,
            protocol: Some(protocol.to_owned()),
            cipher_suite: None,
            alpn: None,
            resumed: false,
            client_certificate: ClientCertificate::NotAsked,
            verification,
            chain: vec![own],
        }
    }

    fn shown(days_left: f64) -> Shown {
        Shown { server: "a.test".to_owned(), not_after: 1_767_312_000, days_left }
    }

    #[test]
    fn days_and_versions_decide() {
        let usual: Settings = parse(r#"{ "host": "a.test" }"#).unwrap();
        let modern: Settings = parse(r#"{ "host": "a.test", "min_version": "1.3" }"#).unwrap();
        for (settings, protocol, days_left, status, message) in [
            (
                &usual,
                "TLSv1.2",
                21.0,
                Status::Healthy,
                "the certificate of a.test is good for 21 days, until 2026-01-02",
            ),
            (
                &usual,
                "TLSv1.3",
                1.5,
                Status::Unhealthy,
                "the certificate of a.test expires in 1 day, on 2026-01-02: critical_days is 7",
            ),
            (&modern, "TLSv1.2", 90.0, Status::Unhealthy, "a.test speaks TLSv1.2, expected TLSv1.3 at least"),
        ] {
            let found = finding(settings, &handshake(protocol, Verification::Passed), Some(&shown(days_left)));
            assert_eq!(found, (status, message.to_owned()), "{protocol} {days_left}");
        }
    }

    #[test]
    fn what_was_not_verified_is_told() {
        let usual: Settings = parse(r#"{ "host": "a.test" }"#).unwrap();
        let refusal = Refusal { flaw: Flaw::SelfSigned, message: "it signs for itself".to_owned() };
        let skipped = handshake("TLSv1.3", Verification::Skipped(Some(refusal)));
        let (status, message) = finding(&usual, &skipped, Some(&shown(90.0)));
        assert_eq!(status, Status::Healthy);
        assert!(message.ends_with("; unverified: it signs for itself"), "{message}");
        let bare = Handshake { chain: Vec::new(), ..skipped };
        assert_eq!(finding(&usual, &bare, None).1, "a.test showed no certificate");
    }

    #[test]
    fn names_are_listed() {
        let names = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(listed(&names, 3), "a, b, c");
        assert_eq!(listed(&names, 1), "a and 2 more");
    }
}
