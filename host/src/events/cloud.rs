//! An event as others know it: CloudEvents 1.0, in its JSON format.

use std::ops::RangeInclusive;

use jiff::Timestamp;
use probity_core::{
    alert::{Alert, Decree, Happening, Pattern},
    event::Event,
    time::nanoseconds,
};
use serde::{Serialize, Serializer, ser::SerializeMap};

use super::{Events, Fact, GAP, Gap, Notice, Record, Reload};

/// The version of the specification.
pub(super) const SPEC_VERSION: &str = "1.0";
/// What every type begins with; what follows is the event's kind.
pub(super) const TYPE: &str = "probity.";
/// The media type of what events say.
pub(super) const JSON: &str = "application/json";

/// What all events have in common (CloudEvents 1.0, "Context Attributes"; `sequence` is of its sequence extension).
#[derive(Serialize)]
struct Envelope<'a> {
    specversion: &'static str,
    id: String,
    source: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    time: Timestamp,
    datacontenttype: &'static str,
    sequence: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<&'a str>,
    data: Data<'a>,
}

enum Data<'a> {
    Fact(&'a Fact),
    Gap(&'a Gap),
}

impl Events {
    /// What names this event, and is unique among all lives of this runner.
    #[must_use]
    pub fn id(&self, seq: u64) -> String {
        format!("{}-{seq}", self.instance)
    }

    /// The number of the event with this name, or with this number: the one after which to go on. `None` if it is of
    /// another life of the runner, or no name at all.
    #[must_use]
    pub fn seq(&self, id: &str) -> Option<u64> {
        let seq = match id.split_once('-') {
            Some((instance, seq)) => (instance == self.instance).then_some(seq)?,
            None => id,
        };
        seq.parse().ok().filter(|seq| *seq <= self.last())
    }

    /// Whether this can be the name or the number of an event.
    #[must_use]
    pub fn is_id(text: &str) -> bool {
        let (instance, seq) = text.split_once('-').unwrap_or(("0", text));
        let is_hex = !instance.is_empty() && instance.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hex && seq.parse::<u64>().is_ok()
    }

    /// That events are not in the log, as a CloudEvent in JSON, told now by the runner of this name.
    ///
    /// # Errors
    ///
    /// None that is known: all its keys are texts.
    pub fn cloud_gap(&self, gap: &Gap, now: Timestamp, node_id: &str) -> serde_json::Result<String> {
        let seq = gap.last();
        serde_json::to_string(&Envelope {
            specversion: SPEC_VERSION,
            id: format!("{}-{GAP}", self.id(seq)),
            source: source(node_id),
            kind: format!("{TYPE}{GAP}"),
            subject: None,
            time: now,
            datacontenttype: JSON,
            sequence: seq.to_string(),
            group: None,
            data: Data::Gap(gap),
        })
    }

    /// The event as a CloudEvent in JSON, told by the runner of this name.
    ///
    /// # Errors
    ///
    /// None that is known: all its keys are texts.
    pub fn cloud_event(&self, record: &Record, node_id: &str) -> serde_json::Result<String> {
        serde_json::to_string(&Envelope {
            specversion: SPEC_VERSION,
            id: self.id(record.seq),
            source: source(node_id),
            kind: format!("{TYPE}{}", record.fact.kind()),
            subject: record.fact.check().map(|check| &**check),
            time: record.time,
            datacontenttype: JSON,
            sequence: record.seq.to_string(),
            group: record.fact.group().map(|group| &**group),
            data: Data::Fact(&record.fact),
        })
    }
}

impl Serialize for Data<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let fact = match self {
            Data::Fact(fact) => fact,
            Data::Gap(gap) => {
                map.serialize_entry("reason", gap.reason())?;
                map.serialize_entry("from", &gap.numbers().map(RangeInclusive::start))?;
                map.serialize_entry("to", &gap.numbers().map(RangeInclusive::end))?;
                return map.end();
            }
        };
        match fact {
            Fact::Check { check, event, .. } => {
                map.serialize_entry("check", check)?;
                write_event(&mut map, event)?;
            }
            Fact::Reload(Reload { what, generation, error }) => {
                map.serialize_entry("what", what)?;
                map.serialize_entry("ok", &error.is_none())?;
                if let Some(generation) = generation {
                    map.serialize_entry("generation", generation)?;
                }
                if let Some(error) = error {
                    map.serialize_entry("error", error)?;
                }
            }
            Fact::Notice(notice) => write_notice(&mut map, notice)?,
        }
        map.end()
    }
}

/// What names the runner among others: a reference of a URI, so that what can't be part of one is escaped (RFC 3986, section
/// 2.1).
fn source(node_id: &str) -> String {
    let mut source = "/probity/".to_owned();
    for byte in node_id.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => source.push(byte.into()),
            _ => source.push_str(&format!("%{byte:02X}")),
        }
    }
    source
}

fn write_notice<M: SerializeMap>(map: &mut M, notice: &Notice) -> Result<(), M::Error> {
    let about = |map: &mut M, alert: &Alert| {
        map.serialize_entry("check", &alert.subject.check)?;
        map.serialize_entry("alert", &alert.id)?;
        map.serialize_entry("severity", alert.severity.as_str())
    };
    let decree = |map: &mut M, silence: &Decree| {
        let names =
            |patterns: &[Pattern]| patterns.iter().map(|pattern| pattern.as_str().to_owned()).collect::<Vec<_>>();
        map.serialize_entry("silence", &silence.id)?;
        map.serialize_entry("checks", &names(&silence.selector.checks))?;
        map.serialize_entry("groups", &names(&silence.selector.groups))?;
        map.serialize_entry("labels", &silence.selector.labels)?;
        map.serialize_entry("until", &silence.until)
    };
    match notice {
        Notice::Alert(Happening::Alert { alert, rule }) => {
            about(map, alert)?;
            map.serialize_entry("rule", rule)?;
            map.serialize_entry("message", &alert.message)
        }
        Notice::Alert(Happening::Resolved { alert, rule, message }) => {
            about(map, alert)?;
            map.serialize_entry("rule", rule)?;
            map.serialize_entry("message", message)
        }
        Notice::Alert(Happening::Suppressed { alert, rule, by }) => {
            about(map, alert)?;
            map.serialize_entry("rule", rule)?;
            map.serialize_entry("message", &alert.message)?;
            map.serialize_entry("suppressed_by", by)
        }
        Notice::Alert(Happening::Acknowledged { alert, by, comment }) => {
            about(map, alert)?;
            map.serialize_entry("by", by)?;
            map.serialize_entry("comment", comment)
        }
        Notice::Alert(Happening::Disowned { alert, by }) => {
            about(map, alert)?;
            map.serialize_entry("by", by)
        }
        Notice::Alert(Happening::Silenced(silence)) => {
            decree(map, silence)?;
            map.serialize_entry("by", &silence.by)?;
            map.serialize_entry("comment", &silence.comment)
        }
        Notice::Alert(Happening::Unsilenced { silence, by }) => {
            decree(map, silence)?;
            map.serialize_entry("by", by)
        }
        Notice::DeliveryFailed { sink, id, title, error, dropped } => {
            map.serialize_entry("sink", sink)?;
            map.serialize_entry("id", id)?;
            map.serialize_entry("title", title)?;
            map.serialize_entry("error", error)?;
            map.serialize_entry("dropped", dropped)
        }
    }
}

fn write_event<M: SerializeMap>(map: &mut M, event: &Event) -> Result<(), M::Error> {
    match event {
        Event::StateChange(change) => {
            map.serialize_entry("from", change.from.as_str())?;
            map.serialize_entry("to", change.to.as_str())?;
            map.serialize_entry("cause", change.cause.as_str())
        }
        Event::Connected { lost_for } => map.serialize_entry("lost_for", &lost_for.map(nanoseconds)),
        Event::Disconnected { cause } => map.serialize_entry("cause", cause.as_str()),
        Event::Reconnecting { attempt, delay } => {
            map.serialize_entry("attempt", attempt)?;
            map.serialize_entry("delay", &nanoseconds(*delay))
        }
        Event::MaxReconnectAttemptsReached { attempts } => map.serialize_entry("attempts", attempts),
        Event::HealthChange { from, to, message } => {
            map.serialize_entry("from", from.as_str())?;
            map.serialize_entry("to", to.as_str())?;
            map.serialize_entry("message", message)
        }
        Event::Error { message } => map.serialize_entry("message", message),
        Event::Fault(fault) => {
            map.serialize_entry("kind", fault.kind.as_str())?;
            map.serialize_entry("message", &fault.message)
        }
        Event::CircuitChange { of, change } => {
            map.serialize_entry("of", of.as_str())?;
            map.serialize_entry("from", change.from.as_str())?;
            map.serialize_entry("to", change.to.as_str())?;
            map.serialize_entry("cause", change.cause.as_str())
        }
        Event::FlappingStart { share } => map.serialize_entry("share", share),
        Event::FlappingEnd { share, health, state } => {
            map.serialize_entry("share", share)?;
            map.serialize_entry("health", health.as_str())?;
            map.serialize_entry("state", state.as_str())
        }
        Event::ModeChange { from, to } => {
            map.serialize_entry("from", from.as_str())?;
            map.serialize_entry("to", to.as_str())
        }
    }
}

#[cfg(test)]
mod tests {
    use probity_core::connection::{Cause, Change, State};
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn an_event_is_a_cloud_event() {
        let events = Events::new("2026-03-01T12:00:00Z".parse().unwrap(), 10);
        let change = Change { from: State::Connected, to: State::Reconnecting, cause: Cause::Down };
        let fact = Fact::Check { check: "db".into(), group: Some("storage".into()), event: Event::StateChange(change) };
        let record = Record { seq: 7, time: "2026-03-01T12:00:01.5Z".parse().unwrap(), fact };
        let json: Value = serde_json::from_str(&events.cloud_event(&record, "node-1").unwrap()).unwrap();
        let expected = json!({
            "specversion": "1.0",
            "id": format!("{}-7", events.instance()),
            "source": "/probity/node-1",
            "type": "probity.state-change",
            "subject": "db",
            "time": "2026-03-01T12:00:01.5Z",
            "datacontenttype": "application/json",
            "sequence": "7",
            "group": "storage",
            "data": { "check": "db", "from": "CONNECTED", "to": "RECONNECTING", "cause": "down" },
        });
        assert_eq!(json, expected);
    }

    #[test]
    fn the_source_is_a_reference_of_a_uri() {
        assert_eq!(source("node-1.example"), "/probity/node-1.example");
        assert_eq!(source("Åsa's node/2"), "/probity/%C3%85sa%27s%20node%2F2");
    }

    #[test]
    fn an_id_of_another_life_is_not_taken_for_one_of_this() {
        let events = Events::new(Timestamp::from_millisecond(0xabc).unwrap(), 10);
        events.tell(Timestamp::UNIX_EPOCH, Fact::Reload(Reload { what: "a".into(), generation: None, error: None }));
        let table = [
            ("abc-1", Some(1)),
            ("abc-7", None),
            ("0", Some(0)),
            ("1", Some(1)),
            ("2", None),
            ("abd-1", None),
            ("x", None),
            ("", None),
        ];
        for (id, seq) in table {
            assert_eq!(events.seq(id), seq, "{id}");
        }
    }
}
