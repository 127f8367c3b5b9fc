//! A probe made with the macros, run on this machine.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use probity_guest::{
    Attempt, Conversation, Failure, Probe, Problem, SettingProblem, Settings, Status, Verdict, Wire, checker, schema,
    settings::{Port, Span},
    testing,
};
use serde::Deserialize;

/// Of every kind.
#[derive(Debug, Deserialize, PartialEq, Settings)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Every {
    /// A name or
    /// an address.
    #[setting(min_length = 1, examples = ["db"])]
    pub host: String,
    #[setting(examples = [22])]
    port: Port,
    #[serde(default = "usual")]
    user_name: String,
    #[serde(default)]
    #[setting(minimum = 0, maximum = 1, examples = [0.5])]
    share: f64,
    #[setting(examples = ["2s"])]
    within: Option<Span>,
    #[serde(default, rename = "codes")]
    pub(crate) numbers: Vec<u16>,
    #[serde(default)]
    deep: bool,
}

fn usual() -> String {
    "the \"usual\"".to_owned()
}

fn not_nowhere(settings: &Every) -> Vec<SettingProblem> {
    if settings.host == "nowhere" { vec![SettingProblem::new("/host", "not this one")] } else { Vec::new() }
}

#[checker(
    about = "Asks.",
    interval = "30s",
    timeout = "500ms",
    grants = ["tcp:{host}:{port}", "resolve:{host}"],
    validate = not_nowhere,
    critical
)]
pub fn ask(settings: &Every, attempt: &mut Attempt) -> Result<Verdict, Failure> {
    let mut line = Conversation::new(Wire::dial(attempt, &settings.host, settings.port.0, false)?);
    let answer = attempt.phase("answer", |deadline| {
        line.tell("the question", b"PING\r\n", deadline)?;
        line.line(100, deadline)
    })?;
    Ok(Verdict::healthy(String::from_utf8_lossy(&answer)).measurement("depth", "1", 7.0))
}

const GIVEN: &str = r#"{ "host": "db", "port": 22 }"#;

#[test]
fn the_manifest_is_that_of_the_crate_and_of_the_function() {
    let said = ask_probe::describe();
    assert_eq!((said.name.as_str(), said.version.as_str()), ("probity-guest-macros", env!("CARGO_PKG_VERSION")));
    assert_eq!((said.description.as_str(), said.critical, said.passive), ("Asks.", true, false));
    assert_eq!((said.default_interval, said.default_timeout), (Some(30_000_000_000), Some(500_000_000)));
    assert_eq!(said.grants, ["tcp:{host}:{port}", "resolve:{host}"]);
}

#[test]
fn the_schema_says_what_serde_reads() {
    assert_eq!(schema::disagreements::<ask_probe>().unwrap(), Vec::<String>::new());
    let schema: serde_json::Value = serde_json::from_str(&ask_probe::describe().settings_schema).unwrap();
    assert_eq!(schema["required"], serde_json::json!(["host", "port"]));
    let properties = &schema["properties"];
    let host = serde_json::json!({
        "type": "string", "description": "A name or an address.", "minLength": 1, "examples": ["db"]
    });
    assert_eq!(properties["host"], host);
    assert_eq!(properties["port"]["maximum"], 65535);
    assert_eq!(properties["user-name"]["default"], "the \"usual\"");
    assert_eq!((&properties["share"]["maximum"], &properties["share"]["default"]), (&1.into(), &0.into()));
    assert_eq!(
        properties["codes"],
        serde_json::json!({ "type": "array", "items": { "type": "integer" }, "default": [] })
    );
    assert!(properties["within"].get("default").is_none());
}

#[test]
fn it_runs_against_a_target_that_goes_by_a_script() {
    let ran = testing::check::<ask_probe>(GIVEN, &[b"+PO", b"NG\r\n"]);
    assert_eq!(ran.heard, b"PING\r\n", "{ran:?}");
    let verdict = ran.came.unwrap();
    assert_eq!((verdict.status, verdict.message.as_str()), (Status::Healthy, "+PONG"));
    let names: Vec<&str> = verdict.measurements.iter().map(|measured| measured.name.as_str()).collect();
    assert!(names.contains(&"answer") && names.contains(&"depth"), "{names:?}");

    let gone = testing::check::<ask_probe>(GIVEN, &[]).came.unwrap();
    assert_eq!(gone.status, Status::Unhealthy, "{gone:?}");
    for (settings, pointer) in
        [(r#"{ "host": "nowhere", "port": 22 }"#, "/host"), (r#"{ "host": "db", "port": 0 }"#, "/port")]
    {
        match testing::check::<ask_probe>(settings, &[]).came {
            Err(Problem::InvalidSettings(problems)) => assert_eq!(problems[0].pointer, pointer),
            came => panic!("{came:?}"),
        }
    }
}
