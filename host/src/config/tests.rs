//! The config as a whole. What one kind of value accepts is tested where it is defined.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod alerting;
mod merging;
mod messages;
mod secrets;
mod tls;

use std::{ffi::OsString, path::Path, time::Duration};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    layout::{self, Top},
    section::{Heading, Key, Section},
    *,
};
use crate::limits::Limits;

const SECOND: Duration = Duration::from_secs(1);

/// The example of the design.
const EXAMPLE: &str = r#"
listen = "127.0.0.1:8081"
probes = "probes.d"
data_dir = "/var/lib/probity"
node_id = "node-123"

[defaults]
interval = "30s"
timeout = "10s"
jitter = 0.1
[defaults.limits]
fuel = 1_000_000_000
memory = "64MiB"

[[check]]
name = "primary-db"
probe = "postgres"
description = "the orders database"
enabled = true
critical = true
group = "storage"
labels = { team = "orders" }
interval = "15s"
timeout = "5s"
allow = ["tcp:db.internal:5432"]
settings = { host = "db.internal", port = 5432, user = "probe", password = "${env:DB_PASSWORD}" }
[check.connection]
fall = 3
rise = 1
"#;

fn variable(name: &str) -> Option<OsString> {
    match name {
        "DB_PASSWORD" => Some("hunter2".into()),
        "PROBITY_TOKEN" | "OTLP_TOKEN" => Some("tell-nobody".into()),
        "SPACES" => Some("a b".into()),
        "EMPTY" => Some("".into()),
        "HOME" => Some("/home/probity".into()),
        // Those of examples.
        "SLACK_URL" => Some("https://hooks.slack.example/T0/B0/x".into()),
        "WEBHOOK_SECRET" | "WEBHOOK_TOKEN" | "NTFY_TOKEN" | "SMTP_PASSWORD" | "PAGER_KEY" => Some("s3cret".into()),
        _ => None,
    }
}

fn surroundings() -> Surroundings<'static> {
    Surroundings { variable: &variable, listening: None, now: "2026-03-01T00:00:00Z".parse().unwrap() }
}

fn parse(text: &str) -> Result<Config, Report> {
    Config::parse(Path::new("/etc/probity/probity.toml"), text, &Overrides::default(), surroundings())
}

fn sidecar(text: &str) -> Result<Vec<Arc<Check>>, Report> {
    let config = parse("[defaults]\ninterval = \"7s\"").unwrap();
    config.sidecar(Path::new("/etc/probity/probes.d/ping.toml"), text, "ping", surroundings())
}

/// A check with these further lines.
fn check(lines: &str) -> Result<Arc<Check>, Report> {
    let config = parse(&format!("[[check]]\nname = \"a\"\n{lines}"))?;
    Ok(config.checks.into_iter().next().unwrap())
}

/// The problems, as lines and messages.
fn problems<T>(result: Result<T, Report>) -> Vec<String> {
    let report = result.err().expect("an error");
    let line = |problem: &Problem| problem.origin.position.map_or(0, |position| position.line);
    report.problems().map(|problem| format!("{}: {}", line(problem), problem.message)).collect()
}

#[test]
fn the_example_means_what_it_says() {
    let config = parse(EXAMPLE).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8081");
    assert_eq!(config.probes, Path::new("/etc/probity/probes.d"));
    assert_eq!(config.data_dir, Path::new("/var/lib/probity"));
    assert_eq!(config.node_id, "node-123");
    assert_eq!(config.http.auth, Auth::default());
    let [check] = config.checks.as_slice() else { panic!("{:?}", config.checks) };
    assert_eq!((check.name.as_str(), check.probe.as_str()), ("primary-db", "postgres"));
    assert_eq!(check.description, "the orders database");
    assert_eq!((check.enabled, check.critical), (true, Some(true)));
    assert_eq!(check.group.as_deref(), Some("storage"));
    assert_eq!(check.labels, [("team".to_owned(), "orders".to_owned())].into());
    assert_eq!(check.schedule, When::Every(15 * SECOND));
    assert_eq!((check.jitter, check.timeout), (0.1, Some(5 * SECOND)));
    assert_eq!(check.limits, Limits::DEFAULT);
    assert_eq!(check.allow, ["tcp:db.internal:5432".parse().unwrap()]);
    let settings = json!({ "host": "db.internal", "port": 5432, "user": "probe", "password": "hunter2" });
    assert_eq!(*check.settings.filled(), settings);
    assert_eq!(check.settings.written()["password"], "${env:DB_PASSWORD}");
    assert_eq!(check.connection, Connection::default());
    assert_eq!(check.origin.to_string(), "/etc/probity/probity.toml:15");
    assert_eq!(check.probe_origin.to_string(), "/etc/probity/probity.toml:17");
}

#[test]
fn an_empty_config_has_the_documented_defaults() {
    let config = parse("").unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8081");
    assert_eq!(config.probes, Path::new("/etc/probity/probes.d"));
    assert_eq!(config.data_dir, Path::new("/home/probity/.local/state/probity"));
    assert!(!config.node_id.is_empty());
    assert_eq!((config.startup_grace, config.grace_period), (10 * SECOND, 10 * SECOND));
    assert_eq!((config.max_in_flight, config.max_live_connections), (1000, 1000));
    let bounds = Bounds { component_size: 64 << 20, compile_time: 60 * SECOND, compile_memory: 2 << 30 };
    assert_eq!(config.bounds, bounds);

    let written = toml_of(&Top::keys(), &Heading::default(), |key| key.default);
    let config = parse(&format!("{written}\n[[check]]\nname = \"a\"")).unwrap();
    let plan = |config: &Config| config.checks[0].plan(Suggestions::default(), Duration::ZERO).unwrap();
    let bare = parse("[[check]]\nname = \"a\"").unwrap();
    assert_eq!(plan(&config), plan(&bare));
    assert_eq!(config.checks[0].limits, bare.checks[0].limits);
    assert!(!bare.probes_named && config.probes_named, "a folder that is written down is asked for");
    let of_runner =
        |config: Config| Config { defaults: Defaults::default(), checks: Vec::new(), probes_named: true, ..config };
    assert_eq!(of_runner(config), of_runner(bare));
}

/// A config with what `choose` takes of each declared key.
fn toml_of(keys: &[&Key], heading: &Heading, choose: fn(&Key) -> Option<&'static str>) -> String {
    let (sections, values): (Vec<&Key>, Vec<&Key>) = keys.iter().partition(|key| key.shape.section().is_some());
    let mut text = format!("{heading}\n");
    for key in values {
        if let Some(value) = choose(key) {
            text += &format!("{} = {value}\n", key.name);
        }
    }
    // TLS has defaults once it has files, and none without; nor has what is sent to a collector, without one.
    let of_its_own = [("http", "tls"), ("", "otlp")];
    for key in sections.into_iter().filter(|key| !of_its_own.contains(&(heading.path.as_str(), key.name))) {
        if let Some((keys, false)) = key.shape.section() {
            text += &toml_of(&keys, &heading.below(key.name, false), choose);
        }
    }
    text
}

#[test]
fn every_example_is_right() {
    let keys = section::all(&Top::keys(), &Heading::default());
    // The files that are named have to be there.
    let folder = tls::folder();
    assert!(keys.len() > 50);
    for (heading, key) in keys {
        let needed = match (heading.path.as_str(), key.name) {
            ("check", "name") => "",
            ("check", "timezone") => "name = \"a\"\ncron = \"@daily\"",
            ("check", _) => "name = \"a\"",
            ("otlp", "endpoint") => "",
            ("otlp", _) => "endpoint = \"http://127.0.0.1:4318\"",
            ("probe.module", "name") => "probe = \"tcp\"",
            ("probe.module", "probe") => "name = \"a\"",
            ("probe.module", _) => "name = \"a\"\nprobe = \"tcp\"",
            ("http.auth", "read") => "token = \"s3cret\"",
            ("http.auth.tokens", "name") => {
                "hash = \"sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\"\nscopes = [\"read\"]"
            }
            ("http.auth.tokens", "hash") => "name = \"a\"\nscopes = [\"read\"]",
            ("http.auth.tokens", "scopes") => {
                "name = \"a\"\nhash = \"sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\""
            }
            ("http.tls", "cert_file") => "key_file = \"server.key\"",
            ("http.tls", "key_file") => "cert_file = \"server.pem\"",
            ("http.tls", "client_ca_file") => "cert_file = \"server.pem\"\nkey_file = \"server.key\"",
            ("http.tls", "client_certificates") => {
                "cert_file = \"server.pem\"\nkey_file = \"server.key\"\nclient_ca_file = \"clients-ca.pem\""
            }
            (_, "cert_file") => "key_file = \"client.key\"",
            (_, "key_file") => "cert_file = \"client.pem\"",
            ("notify", "rule") => "sink = [{ name = \"ops\", type = \"stdout\" }]",
            ("notify.rule", "name") => "sinks = [\"ops\"]",
            ("notify.rule", "sinks") => "name = \"a\"",
            ("notify.rule", _) => "name = \"a\"\nsinks = [\"ops\"]",
            ("notify.rule.quiet" | "notify.maintenance", "cron") => "duration = \"8h\"",
            ("notify.rule.quiet" | "notify.maintenance", "duration") => "cron = \"@daily\"",
            ("notify.rule.quiet" | "notify.maintenance", "from") => "to = \"2027-01-01T00:00\"",
            ("notify.rule.quiet" | "notify.maintenance", "to") => "from = \"2026-01-01T00:00\"",
            ("notify.rule.quiet" | "notify.maintenance", _) => "cron = \"@daily\"\nduration = \"8h\"",
            ("notify.sink", "name") => "type = \"stdout\"",
            ("notify.sink", "type") => "url = \"http://a\"",
            ("notify.sink", "url") => "type = \"slack\"",
            ("notify.sink", "secret" | "headers" | "body" | "timeout" | "tls") => {
                "type = \"webhook\"\nurl = \"http://a\""
            }
            ("notify.sink", "token") => "type = \"ntfy\"\nurl = \"http://a/b\"",
            ("notify.sink", "component") => "type = \"hook\"",
            ("notify.sink", "settings" | "allow") => "type = \"hook\"\ncomponent = \"a.wasm\"",
            ("notify.sink", "server") => "type = \"email\"\nfrom = \"a@b.c\"\nto = [\"a@b.c\"]",
            ("notify.sink", "from") => "type = \"email\"\nserver = \"a:25\"\nto = [\"a@b.c\"]",
            ("notify.sink", "to") => "type = \"email\"\nserver = \"a:25\"\nfrom = \"a@b.c\"",
            ("notify.sink", "username") => {
                "type = \"email\"\nserver = \"a:25\"\nfrom = \"a@b.c\"\nto = [\"a@b.c\"]\npassword = \"p\""
            }
            ("notify.sink", "password") => {
                "type = \"email\"\nserver = \"a:25\"\nfrom = \"a@b.c\"\nto = [\"a@b.c\"]\nusername = \"u\""
            }
            ("notify.sink", "security") => "type = \"email\"\nserver = \"a:25\"\nfrom = \"a@b.c\"\nto = [\"a@b.c\"]",
            _ => "",
        };
        let ops = "[[notify.sink]]\nname = \"ops\"\ntype = \"stdout\"";
        let above = match heading.path.as_str() {
            "" => "".into(),
            path if path.starts_with("check.") => format!("[[check]]\nname = \"a\"\n{heading}"),
            "notify.rule" => format!("{ops}\n{heading}"),
            "notify.rule.quiet" => format!("{ops}\n[[notify.rule]]\nname = \"r\"\nsinks = [\"ops\"]\n{heading}"),
            "notify.sink.tls" => {
                format!("[[notify.sink]]\nname = \"s\"\ntype = \"slack\"\nurl = \"http://a\"\n{heading}")
            }
            "notify.maintenance" | "notify.sink" if key.name != "name" => format!("{heading}\nname = \"a\""),
            _ => heading.to_string(),
        };
        let text = format!("{above}\n{needed}\n{} = {}", key.name, key.example);
        assert_eq!(tls::read(&folder, &text).err().map(|report| report.to_string()), None, "{text}");
        assert!(key.doc.ends_with('.'), "{text}");
    }
}

#[test]
fn rules_name_declared_keys() {
    let keys = section::all(&Top::keys(), &Heading::default());
    let declared = |name: &str| keys.iter().any(|(heading, key)| heading.path == "check" && key.name == name);
    let rules = layout::NamedCheck::rules();
    assert_eq!(rules.len(), 3);
    for rule in rules {
        let (section::Rule::NotBoth(one, other) | section::Rule::Needs(one, other)) = rule else {
            continue;
        };
        assert!(declared(one) && declared(other));
    }
}

#[test]
fn the_schema_is_the_one_checked_in() {
    let generated = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
    let is_current = generated == include_str!("../../config.schema.json");
    assert!(is_current, "host/config.schema.json is out of date: run `cargo xtask schema`");
}

#[test]
fn the_schema_says_what_the_reading_does() {
    let schema = schema();
    assert_eq!(schema["additionalProperties"], false);
    let check = &schema["properties"]["check"]["items"];
    assert_eq!(
        check["allOf"],
        json!([
            { "required": ["name"] },
            { "not": { "required": ["interval", "cron"] } },
            { "dependentRequired": { "timezone": ["cron"] } },
        ])
    );
    assert_eq!(
        check["properties"]["timeout"],
        json!({
            "type": "string",
            "pattern": "^([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$",
            "minLength": 2,
            "description": "How long a run may take; ticks that pass meanwhile are missed. Unless given: what the probe's \
                            manifest suggests, or 10s. From 1ms to 1h.",
            "examples": ["5s"],
        })
    );
    let fall = |of: &Value| of["properties"]["connection"]["properties"]["fall"].clone();
    let of_all = fall(&schema["properties"]["defaults"]);
    assert_eq!((&of_all["minimum"], &of_all["maximum"], &of_all["default"]), (&json!(1), &json!(100), &json!(3)));
    assert_eq!(fall(check).get("default"), None, "that depends on what is said for all");
}

#[test]
fn the_command_line_wins_and_paths_are_relative_to_the_config() {
    let overrides = Overrides {
        ephemeral: false,
        listen: Some("[::1]:0".parse().unwrap()),
        probes: Some("here".into()),
        data_dir: Some("there".into()),
    };
    let text = "listen = \"0.0.0.0:1\"\nprobes = \"a\"\ndata_dir = \"/b\"\n";
    let config = Config::parse(Path::new("x/probity.toml"), text, &overrides, surroundings()).unwrap();
    assert_eq!(config.listen.to_string(), "[::1]:0");
    assert_eq!((config.probes.as_path(), config.data_dir.as_path()), (Path::new("here"), Path::new("there")));

    let config = Config::parse(Path::new("x/probity.toml"), text, &Overrides::default(), surroundings()).unwrap();
    assert_eq!((config.probes.as_path(), config.data_dir.as_path()), (Path::new("x/a"), Path::new("/b")));
    let config = Config::parse(Path::new("probity.toml"), "", &Overrides::default(), surroundings()).unwrap();
    assert_eq!(config.probes, Path::new("probes.d"));
}

#[test]
fn state_is_kept_where_the_system_says() {
    let data_dir = |variables: &[(&str, &str)]| {
        let variable = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into());
        let surroundings = Surroundings { variable: &variable, ..surroundings() };
        let config = Config::parse(Path::new("probity.toml"), "", &Overrides::default(), surroundings);
        config.map(|config| config.data_dir.display().to_string())
    };
    let all = [("STATE_DIRECTORY", "/s:/t"), ("XDG_STATE_HOME", "/x"), ("HOME", "/h")];
    assert_eq!(data_dir(&all).as_deref(), Ok("/s"));
    assert_eq!(data_dir(&all[1..]).as_deref(), Ok("/x/probity"));
    assert_eq!(data_dir(&all[2..]).as_deref(), Ok("/h/.local/state/probity"));
    let relative = [("XDG_STATE_HOME", "x"), ("HOME", "/h")];
    assert_eq!(data_dir(&relative).as_deref(), Ok("/h/.local/state/probity"));
    assert_eq!(
        data_dir(&[]).unwrap_err().to_string(),
        "probity.toml: `data_dir` is needed where neither `$STATE_DIRECTORY` nor `$XDG_STATE_HOME` nor `$HOME` is set, for \
         example data_dir = \"/var/lib/probity\"\n1 problem"
    );
}

#[test]
fn settings_know_where_they_were_written() {
    let check = check("[check.settings]\nexpect = [\n  { status = 200 },\n  { \"a/b\" = 1 },\n]").unwrap();
    let line = |pointer: &str| check.settings.origin(pointer).position.unwrap().line;
    for (pointer, expected) in [
        ("", 3),
        ("/expect/0/status", 5),
        ("/expect/1/a~1b", 6),
        ("/expect/1/absent/deep", 6),
        ("/expect/9", 4),
        ("/absent", 3),
        ("no pointer", 3),
    ] {
        assert_eq!(line(pointer), expected, "{pointer}");
    }
    let bare = parse("\n[[check]]\nname = \"a\"").unwrap();
    assert_eq!(bare.checks[0].settings.origin("/a").position.unwrap().line, 2);
}

#[test]
fn a_name_is_given_once() {
    let text = "[[check]]\nname = \"a\"\n[[check]]\nname = \"b\"\n[[check]]\nname = \"a\"\n";
    let taken = "`a` is the name of the check at /etc/probity/probity.toml:1 already";
    assert_eq!(problems(parse(text)), [format!("5: {taken}")]);
    let mut report = Report::default();
    let (config, beside) = (parse(&text[..21]).unwrap(), sidecar("[[check]]\nname = \"a\"").unwrap());
    refuse_duplicates(config.checks.iter().chain(&beside), &mut report);
    assert_eq!(report.to_string(), format!("/etc/probity/probes.d/ping.toml:1: {taken}\n1 problem"));
}

#[test]
fn a_side_car_names_its_checks_after_the_component() {
    let text = "[[check]]\n[[check]]\nname = \"b\"\n[[check]]\nname = \"c\"\nprobe = \"other\"\ninterval = \"9s\"";
    let checks = sidecar(text).unwrap();
    let names: Vec<_> = checks.iter().map(|check| (check.name.as_str(), check.probe.as_str())).collect();
    assert_eq!(names, [("ping", "ping"), ("b", "ping"), ("c", "other")]);
    assert_eq!(checks[0].schedule, When::Every(7 * SECOND), "the config's defaults hold");
    assert_eq!(checks[2].schedule, When::Every(9 * SECOND));
    assert_eq!(checks[0].origin.to_string(), "/etc/probity/probes.d/ping.toml:1");
    assert_eq!(sidecar(""), Ok(vec![]));
    assert_eq!(
        problems(sidecar("listen = \"127.0.0.1:1\"\ninterval = \"1s\"\n[[check]]\n[[check]]")),
        [
            "1: unknown key `listen` at the top of the file; there can be `check`, as in [[check]]",
            "2: unknown key `interval` at the top of the file; it belongs in [[check]], as in interval = \"15s\"",
            "4: `ping` is the name of the check at /etc/probity/probes.d/ping.toml:3 already",
        ]
    );
}

#[test]
fn a_component_without_config_is_a_check_under_the_defaults() {
    let config = parse("[defaults]\ninterval = \"7s\"\nlimits.fuel = 9").unwrap();
    let origin = Origin::of_file(Path::new("probes.d/ping.wasm"));
    let bare = Check::of_component("ping", origin, &config.defaults);
    let written = |text| config.sidecar(Path::new("ping.toml"), text, "ping", surroundings()).unwrap().remove(0);
    let same = written("[[check]]");
    assert!(bare.says_the_same_as(&same) && bare != *same);
    assert!(!bare.says_the_same_as(&written("[[check]]\ntimeout = \"1s\"")));
}

/// Lines of which some are right.
fn toml_ish() -> impl Strategy<Value = String> {
    let keys = section::all(&Top::keys(), &Heading::default());
    let keys: Vec<&'static str> = keys.iter().map(|(_, key)| key.name).collect();
    let key = prop_oneof![prop::sample::select(keys), Just("x"), Just("'${env:A}'"), Just("check.name")];
    let value = prop_oneof![
        Just("\"30s\"".to_owned()),
        Just("\"${file:.}${runner:port}$${${env:A\"".to_owned()),
        Just("{ a = [1, { b = 2 }], 'a/~b' = 1e999 }".to_owned()),
        Just("[\"tcp:a:1\", 1, []]".to_owned()),
        Just("-0x7f".to_owned()),
        Just("1979-05-27".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>().prop_map(|number| number.to_string()),
        ".{0,20}",
        ".{0,20}".prop_map(|text| format!("{text:?}")),
    ];
    let heading = prop::sample::select(vec![
        "[[check]]",
        "[check.connection]",
        "[defaults.limits]",
        "[http.auth]",
        "[runner]",
        "[check",
    ]);
    let line = prop_oneof![
        4 => (key, value).prop_map(|(key, value)| format!("{key} = {value}")),
        1 => heading.prop_map(str::to_owned),
        1 => "\\PC{0,30}",
    ];
    prop::collection::vec(line, 0..20).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #[test]
    fn no_text_is_too_absurd(text in prop_oneof![any::<String>(), toml_ish()]) {
        for result in [parse(&text).map(|_| ()), sidecar(&text).map(|_| ())] {
            if let Err(report) = result {
                prop_assert!(!report.is_empty());
                let (lines, count) = (report.to_string().lines().count(), report.problems().len());
                prop_assert_eq!(lines, count + 1, "one line each: {}", report);
            }
        }
    }
}
