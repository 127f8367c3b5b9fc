//! `tls`: shakes hands with a server, and examines its certificate.

mod judgement;
mod settings;
mod starttls;

use std::time::Duration;

use probity_guest::{
    Attempt, ClientCertificate, Description, Failure, Handshake, Probe, SettingProblem, Verdict,
    certificate::{date, latest_handshake},
    net,
    tls::Stream,
};

pub use crate::settings::Settings;

/// How long a server that asked for a client certificate is listened to: with TLS 1.3 what it thinks of the answer comes after
/// the handshake, one round trip later.
const OBJECTION: Duration = Duration::from_secs(1);

/// Names of a certificate that a detail shows.
const NAMES: usize = 10;

/// The probe.
pub struct Tls;

impl Probe for Tls {
    type Settings = Settings;

    fn describe() -> Description {
        let schema = include_str!("settings.schema.json");
        let about = "Shakes hands over TLS, and examines the certificate.";
        Description::new("tls", env!("CARGO_PKG_VERSION"), about, schema)
            // A certificate changes a few times a year; whether the server is there is for others to find out sooner.
            .interval(Duration::from_secs(60))
            .timeout(Duration::from_secs(10))
            .grant("tcp:{host}:{port}")
            .grant("tls")
    }

    fn validate(settings: &Settings) -> Vec<SettingProblem> {
        settings.problems()
    }

    fn check(settings: &Settings, attempt: &mut Attempt) -> Result<Verdict, Failure> {
        let mut stream = net::dial(attempt, &settings.host, settings.port.0)?;
        let remote = stream.remote();
        if let Some(protocol) = settings.starttls {
            attempt.phase("starttls", |deadline| starttls::negotiate(&mut stream, protocol, deadline))?;
        }
        let is_refused = || latest_handshake().is_some_and(|handshake| handshake.refused().is_some());
        let secured =
            attempt.phase("handshake", |deadline| match Stream::secure(stream, settings.server_name(), deadline) {
                // A handshake at whose end the certificate is refused has taken its time as any other.
                Err(error) if is_refused() => Ok(Err(error)),
                secured => secured.map(Ok),
            });
        let (secured, handshake) = (secured.flatten(), latest_handshake());
        let verdict = match (secured, &handshake) {
            (Ok(stream), Some(handshake)) => examine(settings, attempt, stream, handshake),
            (Err(error), Some(handshake)) => match (Failure::from(error), handshake.refused()) {
                (Failure::Unhealthy(_), Some(refusal)) => Verdict::unhealthy(refusal.message.as_str()),
                (Failure::Unhealthy(message), None) => Verdict::unhealthy(message),
                (failure, _) => return Err(failure),
            },
            (Err(error), None) => return Err(error.into()),
            // The runner does not say what it saw: the handshake is all there is to judge.
            (Ok(_), None) => Verdict::healthy(format!("shook hands with {remote}")),
        };
        let verdict = match &handshake {
            Some(handshake) => described(verdict, handshake),
            None => verdict,
        };
        Ok(verdict.detail("address", remote.to_string()))
    }
}

/// Judges a handshake that is done.
fn examine(settings: &Settings, attempt: &Attempt, mut stream: Stream, handshake: &Handshake) -> Verdict {
    let (took, verdict) = (attempt.elapsed(), judgement::judge(settings, attempt, handshake));
    let objection = match handshake.client_certificate {
        ClientCertificate::NotAsked => None,
        ClientCertificate::NotGiven | ClientCertificate::Given => objection(attempt, &mut stream, handshake),
    };
    match objection {
        Some(message) => Verdict::unhealthy(message),
        None => verdict,
    }
    // What is waited for an objection is none of the server's time.
    .latency(took)
}

/// What the server has against the client certificate, or against there being none.
fn objection(attempt: &Attempt, stream: &mut Stream, handshake: &Handshake) -> Option<String> {
    let heard = stream.read(1, attempt.deadline().within(OBJECTION));
    if let Some(failure) = latest_handshake().and_then(|handshake| handshake.failure) {
        return Some(format!("{} gave up on the connection: {failure}", handshake.server_name));
    }
    let shown = match handshake.client_certificate {
        ClientCertificate::Given => "the client certificate",
        _ => "that there is no client certificate",
    };
    match heard {
        Ok(bytes) if bytes.is_empty() => {
            Some(format!("{} closed the connection when it was shown {shown}", handshake.server_name))
        }
        // Whatever it says, or that it says nothing, is no objection.
        _ => None,
    }
}

fn described(verdict: Verdict, handshake: &Handshake) -> Verdict {
    let mut verdict = verdict;
    for (key, value) in
        [("protocol", &handshake.protocol), ("cipher-suite", &handshake.cipher_suite), ("alpn", &handshake.alpn)]
    {
        if let Some(value) = value {
            verdict = verdict.detail(key, value.as_str());
        }
    }
    let Some(own) = handshake.chain.first() else { return verdict };
    verdict
        .detail("subject", own.subject.as_str())
        .detail("issuer", own.issuer.as_str())
        .detail("serial", own.serial.as_str())
        .detail("names", judgement::listed(&own.names, NAMES))
        .detail("not-before", date(own.not_before))
        .detail("not-after", date(own.not_after))
        .detail("fingerprint", own.fingerprint.as_str())
        .detail("chain-length", handshake.chain.len() as i64)
        .measurement("days-left", "d", own.days_left())
}

probity_guest::export!(Tls);

#[cfg(test)]
mod tests {
    #[test]
    fn the_schema_describes_the_settings() {
        assert_eq!(probity_guest::schema::disagreements::<super::Tls>(), Ok(Vec::new()));
    }
}
