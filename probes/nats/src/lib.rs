//! `nats`: logs in to NATS, sends itself a message, and looks at a stream and its consumer if it is to.

mod jetstream;
mod message;
mod session;
mod settings;

use std::time::Duration;

use probity_guest::{Attempt, Description, Failure, Probe, SettingProblem, Status, Verdict, Wire};

pub use crate::settings::Settings;
use crate::{
    jetstream::{Answer, Flaw},
    session::{Info, Session},
};

/// The probe.
pub struct Nats;

impl Probe for Nats {
    type Settings = Settings;

    fn describe() -> Description {
        let schema = include_str!("settings.schema.json");
        Description::new(
            "nats",
            env!("CARGO_PKG_VERSION"),
            "Logs in to NATS, sends itself a message, and looks at a stream and its consumer if it is to.",
            schema,
        )
        .interval(Duration::from_secs(30))
        .timeout(Duration::from_secs(5))
        .grant("tcp:{host}:{port}")
    }

    fn validate(settings: &Settings) -> Vec<SettingProblem> {
        settings.problems()
    }

    fn check(settings: &Settings, attempt: &mut Attempt) -> Result<Verdict, Failure> {
        let wire = Wire::dial(attempt, &settings.host, settings.port.0, false)?;
        let mut server = Session::new(wire, settings);
        let info = attempt.phase("greeting", |deadline| server.greeting(deadline))?;
        agree_on_tls(settings, &info, &server)?;
        if settings.tls {
            server = server.secure(attempt)?;
        }
        attempt.phase("auth", |deadline| server.log_in(&info, deadline))?;
        attempt.phase("round-trip", |deadline| server.round_trip(deadline))?;

        let remote = server.remote();
        let mut facts = Facts::default();
        let flaw = look_at_stream(settings, attempt, &mut server, &mut facts)?;
        let mut verdict = match flaw {
            Some(Flaw { status, text, permanent: false }) => Verdict::new(status, text),
            Some(Flaw { status, text, permanent: true }) => Verdict::new(status, text).permanent(),
            None => attempt.healthy_within(settings.degraded_after, format!("{remote} delivered a message")),
        };
        verdict = verdict
            .detail("address", remote.to_string())
            .detail("version", server.word(&info.version))
            .detail("server", server.word(&info.server_name))
            .detail("jetstream", info.jetstream);
        for (name, count) in [("messages", facts.messages), ("lag", facts.lag), ("ack-pending", facts.ack_pending)] {
            if let Some(count) = count {
                verdict = verdict.measurement(name, "1", count as f64);
            }
        }
        Ok(verdict)
    }
}

/// Credentials must not be sent in the clear to a server that wants none such, nor where TLS is asked for and not to be had.
fn agree_on_tls(settings: &Settings, info: &Info, server: &Session<'_>) -> Result<(), Failure> {
    let what = match settings.tls {
        true if !info.offers_tls() => "does not offer TLS, which `tls` asks for",
        false if info.tls_required => "asks for TLS: set `tls` to true",
        _ => return Ok(()),
    };
    Err(Verdict::unhealthy(format!("{} {what}", server.remote())).permanent().into())
}

/// What is counted of a stream and its consumer.
#[derive(Default)]
struct Facts {
    messages: Option<u64>,
    lag: Option<u64>,
    ack_pending: Option<u64>,
}

/// What speaks against the stream, or else against its consumer, in a sentence.
fn look_at_stream(
    settings: &Settings,
    attempt: &mut Attempt,
    server: &mut Session<'_>,
    facts: &mut Facts,
) -> Result<Option<Flaw>, Failure> {
    let Some(stream) = &settings.stream else { return Ok(None) };
    let judge = |answer: &Answer, server: &Session<'_>, whose: String| {
        let flaw = answer.flaw(settings, |said| server.word(said));
        flaw.map(|flaw| Flaw { text: format!("{whose} at {}: {}", server.remote(), flaw.text), ..flaw })
    };
    let subject = format!("$JS.API.STREAM.INFO.{stream}");
    let answer = attempt.phase("stream", |deadline| server.ask("STREAM.INFO", &subject, deadline))?;
    facts.messages = answer.messages();
    let flaw = judge(&answer, server, format!("stream {stream}"));
    let unhealthy = flaw.as_ref().is_some_and(|flaw| flaw.status == Status::Unhealthy);
    let Some(consumer) = settings.consumer.as_ref().filter(|_| !unhealthy) else { return Ok(flaw) };

    let subject = format!("$JS.API.CONSUMER.INFO.{stream}.{consumer}");
    let answer = attempt.phase("consumer", |deadline| server.ask("CONSUMER.INFO", &subject, deadline))?;
    (facts.lag, facts.ack_pending) = (answer.num_pending, answer.num_ack_pending);
    Ok(judge(&answer, server, format!("consumer {consumer} of stream {stream}")))
}

probity_guest::export!(Nats);

#[cfg(test)]
mod tests {
    #[test]
    fn the_schema_describes_the_settings() {
        assert_eq!(probity_guest::schema::disagreements::<super::Nats>(), Ok(Vec::new()));
    }
}
