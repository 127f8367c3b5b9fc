//! The JSON Schema of the events, for programs that read them. A test holds it to what is written.

use probity_core::{
    alert::Severity,
    circuit,
    connection::{self, State},
    event::Event,
    health::{Health, Mode},
    outcome::FaultKind,
};
use serde_json::{Map, Value, json};

use super::{
    GAP, Gap, Notice, RELOAD,
    cloud::{JSON, SPEC_VERSION, TYPE},
};

/// The kinds of notices that are not of a check.
const DELIVERY_FAILED: &str = "delivery-failed";
const SILENCED: &str = "silenced";
const UNSILENCED: &str = "unsilenced";

/// The JSON Schema (2020-12) of one event: a CloudEvent whose `type` says what is in its `data`.
#[must_use]
pub fn schema() -> Value {
    let words = || Event::KINDS.into_iter().chain(Notice::KINDS).chain([RELOAD, GAP]);
    let kinds: Vec<Value> = words().map(kind).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "An event of Probity",
        "description": "A CloudEvent 1.0 in its JSON format, as told at /events and /events/ws.",
        "type": "object",
        "properties": {
            "specversion": { "const": SPEC_VERSION },
            "id": text("Unique among all lives of this runner; the one after which to go on."),
            "source": text("Names the runner: /probity/ and its node_id."),
            "type": { "enum": words().map(|kind| format!("{TYPE}{kind}")).collect::<Vec<_>>() },
            "subject": text("The check it is about; absent if it is about none."),
            "time": { "type": "string", "format": "date-time" },
            "datacontenttype": { "const": JSON },
            "sequence": { "type": "string", "pattern": "^[0-9]+$", "description": "Counted without gaps, but for numbers that a gap tells were left out." },
            "group": text("The group of the check, if it is in one."),
            "data": { "type": "object" },
        },
        "required": ["specversion", "id", "source", "type", "time", "datacontenttype", "sequence", "data"],
        "oneOf": kinds,
    })
}

/// What `data` is for a type of event.
fn kind(kind: &str) -> Value {
    let of_check = !matches!(kind, RELOAD | GAP | DELIVERY_FAILED | SILENCED | UNSILENCED);
    let mut properties = Map::new();
    if of_check {
        properties.insert("check".to_owned(), text("Its name."));
    }
    properties.extend(own(kind).into_iter().map(|(name, schema)| (name.to_owned(), schema)));
    // What a reload came to is in one of the two.
    let optional = ["generation", "error"];
    let required: Vec<_> =
        properties.keys().filter(|name| kind != RELOAD || !optional.contains(&name.as_str())).collect();
    json!({
        "properties": {
            "type": { "const": format!("{TYPE}{kind}") },
            "data": { "type": "object", "required": required, "properties": properties, "additionalProperties": false },
        },
    })
}

/// What an event of a kind says beside the name of its check.
fn own(kind: &str) -> Vec<(&'static str, Value)> {
    let (state, health, mode) =
        (one_of(&State::ALL.map(State::as_str)), health(), one_of(&Mode::ALL.map(Mode::as_str)));
    let cause = one_of(&connection::Cause::ALL.map(connection::Cause::as_str));
    let circuit = one_of(&circuit::State::ALL.map(circuit::State::as_str));
    let share =
        json!({ "type": "number", "minimum": 0, "maximum": 1, "description": "The weighted share of changes." });
    let message = text("What the probe said.");
    let severity = one_of(&Severity::WORDS);
    match kind {
        "state-change" => vec![("from", state.clone()), ("to", state), ("cause", cause)],
        "connected" => {
            vec![("lost_for", or_null(whole("How long it had been lost, in nanoseconds; null if it had not been.")))]
        }
        "disconnected" => vec![("cause", cause)],
        "reconnecting" => vec![
            ("attempt", whole("Counted from 1 within the outage.")),
            ("delay", whole("From now on, in nanoseconds.")),
        ],
        "max-reconnect-attempts-reached" => vec![("attempts", whole("How many there were."))],
        "unhealthy" | "health-change" => vec![("from", health.clone()), ("to", health), ("message", message)],
        "error" => vec![("message", message)],
        "fault" => vec![
            ("kind", one_of(&FaultKind::ALL.map(FaultKind::as_str))),
            ("message", text("What happened, and what can be done about it.")),
        ],
        "circuit-change" => vec![
            ("of", one_of(&["target", "probe"])),
            ("from", circuit.clone()),
            ("to", circuit),
            ("cause", one_of(&circuit::Cause::ALL.map(circuit::Cause::as_str))),
        ],
        "flapping-start" => vec![("share", share)],
        "flapping-end" => vec![("share", share), ("health", health), ("state", state)],
        "mode-change" => vec![("from", mode.clone()), ("to", mode)],
        "alert" | "resolved" | "suppressed" => {
            let mut told = vec![("alert", text("Names the alert.")), ("severity", severity)];
            told.extend([("rule", text("The rule that has it told.")), ("message", message)]);
            if kind == "suppressed" {
                let by = json!({ "type": "array", "items": text("silence:ID, maintenance:NAME, check:PARENT or acknowledgement.") });
                told.push(("suppressed_by", by));
            }
            told
        }
        "acknowledged" => vec![
            ("alert", text("Names the alert.")),
            ("severity", severity),
            ("by", text("Who takes care of it.")),
            ("comment", text("What they say.")),
        ],
        "unacknowledged" => vec![
            ("alert", text("Names the alert.")),
            ("severity", severity),
            ("by", text("Who says that nobody takes care of it any more.")),
        ],
        SILENCED | UNSILENCED => {
            let names = || json!({ "type": "array", "items": text("A name, in which `*` stands for any letters.") });
            let mut decreed = vec![
                ("silence", text("Names the silence.")),
                ("checks", names()),
                ("groups", names()),
                (
                    "labels",
                    json!({ "type": "object", "description": "Labels that a check must have, and what they say." }),
                ),
                (
                    "until",
                    json!({ "type": "string", "format": "date-time", "description": "When it is over, or was to be." }),
                ),
                ("by", text("Who said so.")),
            ];
            if kind == SILENCED {
                decreed.push(("comment", text("Why.")));
            }
            decreed
        }
        DELIVERY_FAILED => vec![
            ("sink", text("The sink that the message was for.")),
            ("id", text("Names the message.")),
            ("title", text("What it was about.")),
            ("error", text("Why it did not arrive.")),
            ("dropped", json!({ "type": "boolean", "description": "Whether it will not be tried again." })),
        ],
        RELOAD => vec![
            ("what", text("The name of a probe, or the path of a file.")),
            ("ok", json!({ "type": "boolean" })),
            ("generation", whole("The generation of the probe that is in use now.")),
            ("error", text("Why the change was not taken into use.")),
        ],
        _ => vec![
            ("reason", one_of(&Gap::REASONS)),
            ("from", or_null(whole("The first number that is not in the log."))),
            ("to", or_null(whole("The last number that is not in the log."))),
        ],
    }
}

fn health() -> Value {
    one_of(&Health::ALL.map(Health::as_str))
}

fn one_of(words: &[&str]) -> Value {
    json!({ "enum": words })
}

fn text(about: &str) -> Value {
    json!({ "type": "string", "description": about })
}

fn whole(about: &str) -> Value {
    json!({ "type": "integer", "minimum": 0, "description": about })
}

fn or_null(mut schema: Value) -> Value {
    schema["type"] = json!([schema["type"].take(), "null"]);
    schema
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use std::{sync::Arc, time::Duration};

    use jiff::Timestamp;
    use probity_core::{
        alert::{Decree, Happening, Keeper, Pattern, Selector, Subject, Told},
        connection::{Cause, Change},
        event::Breaker,
        outcome::Fault,
    };

    use super::*;
    use crate::events::{Events, Fact, Record, Reload};

    /// One event of each kind.
    fn all() -> Vec<Event> {
        let change = Change { from: State::Connected, to: State::Reconnecting, cause: Cause::Down };
        let opened =
            circuit::Change { from: circuit::State::Closed, to: circuit::State::Open, cause: circuit::Cause::ALL[0] };
        let changed = |to| Event::HealthChange { from: Health::Pending, to, message: "m".into() };
        vec![
            Event::StateChange(change),
            Event::Connected { lost_for: None },
            Event::Connected { lost_for: Some(Duration::from_secs(1)) },
            Event::Disconnected { cause: Cause::Down },
            Event::Reconnecting { attempt: 1, delay: Duration::from_secs(1) },
            Event::MaxReconnectAttemptsReached { attempts: 3 },
            changed(Health::Healthy),
            changed(Health::Unhealthy),
            Event::Error { message: "m".into() },
            Event::Fault(Fault::new(FaultKind::Trap, "m")),
            Event::CircuitChange { of: Breaker::Target, change: opened },
            Event::CircuitChange { of: Breaker::Probe, change: opened },
            Event::FlappingStart { share: 0.5 },
            Event::FlappingEnd { share: 0.5, health: Health::Healthy, state: State::Connected },
            Event::ModeChange { from: Mode::Auto, to: Mode::ForcedUp },
        ]
    }

    /// One notice of each kind.
    fn notices() -> [Notice; 8] {
        let mut keeper = Keeper::new(Arc::default(), Arc::default());
        let (subject, now) = (Subject::new("db"), Timestamp::UNIX_EPOCH);
        keeper.observe(&subject, Health::Unhealthy, &"m".into(), now, &mut Told::default());
        let alert = Arc::new(keeper.alerts()["db"].clone());
        let of = || (Arc::clone(&alert), Arc::from("page"));
        let ((one, rule), (two, other), (three, third)) = (of(), of(), of());
        let four = Arc::clone(&alert);
        let silence = Decree {
            id: "5f".into(),
            selector: Selector { checks: vec![Pattern::new("a*")], ..Selector::default() },
            until: now,
            by: "ann".into(),
            comment: "moving".into(),
        };
        let (by, comment) = ("ann".to_owned(), "on it".to_owned());
        [
            Notice::Alert(Happening::Alert { alert: one, rule }),
            Notice::Alert(Happening::Resolved { alert: two, rule: other, message: "well".into() }),
            Notice::Alert(Happening::Suppressed { alert: three, rule: third, by: vec!["check:router".into()] }),
            Notice::Alert(Happening::Acknowledged { alert, by, comment }),
            Notice::Alert(Happening::Disowned { alert: four, by: "bob".into() }),
            Notice::Alert(Happening::Silenced(silence.clone())),
            Notice::Alert(Happening::Unsilenced { silence, by: "bob".into() }),
            Notice::DeliveryFailed {
                sink: "ops".into(),
                id: "msg_1".into(),
                title: "t".into(),
                error: "e".into(),
                dropped: true,
            },
        ]
    }

    /// As much of JSON Schema as there is in ours.
    fn assert_valid(schema: &Value, value: &Value) {
        if let Some(words) = schema["enum"].as_array() {
            assert!(words.contains(value), "{value} is none of {words:?}");
        }
        if !schema["const"].is_null() {
            assert_eq!(schema["const"], *value);
        }
        let types = match &schema["type"] {
            Value::Array(types) => types.clone(),
            Value::Null => vec![],
            one => vec![one.clone()],
        };
        let is = |name: &Value| match name.as_str().unwrap() {
            "string" => value.is_string(),
            "integer" => value.is_u64(),
            "number" => value.is_number(),
            "array" => value.is_array(),
            "boolean" => value.is_boolean(),
            "null" => value.is_null(),
            "object" => value.is_object(),
            other => panic!("{other}"),
        };
        assert!(types.is_empty() || types.iter().any(is), "{value} is none of {types:?}");
        for name in schema["required"].as_array().into_iter().flatten() {
            assert!(value.get(name.as_str().unwrap()).is_some(), "{name} is missing in {value}");
        }
        if let Some(properties) = schema["properties"].as_object() {
            for (name, value) in value.as_object().unwrap() {
                match properties.get(name) {
                    Some(schema) => assert_valid(schema, value),
                    None => assert_ne!(schema["additionalProperties"], json!(false), "{name} is not known"),
                }
            }
        }
    }

    #[test]
    fn every_event_is_as_the_schema_says() {
        let schema = schema();
        let events = Events::new(Timestamp::UNIX_EPOCH, 10);
        let reload = |generation, error: Option<&str>| {
            Fact::Reload(Reload { what: "a".into(), generation, error: error.map(str::to_owned) })
        };
        let facts = all().into_iter().map(|event| Fact::Check { check: "db".into(), group: Some("g".into()), event });
        let facts = facts.chain([reload(Some(2), None), reload(None, Some("no"))]).chain(notices().map(Fact::Notice));
        let told = facts.map(|fact| {
            let record = Record { seq: 7, time: Timestamp::UNIX_EPOCH, fact };
            events.cloud_event(&record, "node").unwrap()
        });
        let gaps = [Gap::Expired(1..=3), Gap::LeftOut(4..=9), Gap::Restarted];
        let gaps = gaps.map(|gap| events.cloud_gap(&gap, Timestamp::UNIX_EPOCH, "node").unwrap());
        let mut seen = std::collections::BTreeSet::new();
        for json in told.chain(gaps) {
            let event: Value = serde_json::from_str(&json).unwrap();
            assert_valid(&schema, &event);
            let of = schema["oneOf"].as_array().unwrap().iter();
            let of: Vec<_> = of.filter(|kind| kind["properties"]["type"]["const"] == event["type"]).collect();
            assert_eq!(of.len(), 1, "{event}");
            let kind = json!({ "properties": { "data": of[0]["properties"]["data"] } });
            assert_valid(&kind, &event);
            seen.insert(event["type"].as_str().unwrap().to_owned());
        }
        assert_eq!(seen.len(), schema["oneOf"].as_array().unwrap().len(), "{seen:?}");
    }
}
