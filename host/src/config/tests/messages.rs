//! What the operator is told, word for word.

use super::*;

#[test]
fn everything_wrong_is_reported_at_once_with_file_and_line() {
    let text = r#"listen = "localhost:8081"
intervall = "30s"

[defaults]
timeout = "2h"
fall = 3

[[check]]
name = "Primary DB"
interval = "30 parsecs"
allow = ["tcp:db.internal", "https:example.com"]

[[check]]
probe = "ping"
timeout = 5
settings = { password = "${env:ABSENT}" }
[check.limits]
memroy = "1GiB"
"#;
    let expected = r#"/etc/probity/probity.toml:1: listen = "localhost:8081": must be an IP address and a port, for example listen = "127.0.0.1:8081"
/etc/probity/probity.toml:2: unknown key `intervall` at the top of the file; did you mean `interval`, in [defaults] or in [[check]], as in interval = "15s"?
/etc/probity/probity.toml:5: timeout = "2h": must be from 1ms to 1h, for example timeout = "5s"
/etc/probity/probity.toml:6: unknown key `fall` in [defaults]; it belongs in [defaults.connection] or in [check.connection], as in fall = 5
/etc/probity/probity.toml:9: name = "Primary DB": must be 1 to 100 lower-case letters, digits, `-`, `_` and `.`, for example name = "primary-db"
/etc/probity/probity.toml:10: interval = "30 parsecs": not a duration; write it as "30s", "5m" or "1m30s"
/etc/probity/probity.toml:11: allow: `tcp:db.internal` names no port; write one as in `tcp:db.internal:5432`, or `*` for all
/etc/probity/probity.toml:13: [[check]] lacks `name`, for example name = "primary-db"
/etc/probity/probity.toml:15: timeout = 5: not a duration; write it as "30s", "5m" or "1m30s"
/etc/probity/probity.toml:16: settings.password: the environment variable `ABSENT` is not set
/etc/probity/probity.toml:18: unknown key `memroy` in [check.limits]; did you mean `memory`, as in memory = "16MiB"?
11 problems"#;
    assert_eq!(parse(text).unwrap_err().to_string(), expected);
}

#[test]
fn each_key_refuses_what_it_can_not_be() {
    for (line, message) in [
        (
            r#"listen = 8081"#,
            r#"listen = 8081: must be an IP address and a port, for example listen = "127.0.0.1:8081""#,
        ),
        (r#"probes = """#, r#"probes = "": must be a path, in quotes, for example probes = "probes.d""#),
        (r#"data_dir = []"#, r#"data_dir = […]: must be a path, in quotes, for example data_dir = "/var/lib/probity""#),
        (
            r#"node_id = "a\nb""#,
            r#"node_id = "a\nb": must be one line of 1 to 253 characters, in quotes, for example node_id = "node-123""#,
        ),
        (r#"grace_period = "61m""#, r#"grace_period = "61m": must be from 0s to 1h, for example grace_period = "30s""#),
        (
            "health.on_critical_failure = []",
            r#"on_critical_failure = […]: must be "report", "shutdown", or a program and its arguments as a list of texts, for example on_critical_failure = ["/usr/local/bin/page-somebody", "--now"]"#,
        ),
        (
            "health.degraded_score = 0.96",
            "`degraded_score` is 0.96, and must not be above `healthy_score`, which is 0.95",
        ),
        (r#"startup_grace = -1"#, r#"startup_grace = -1: not a duration; write it as "30s", "5m" or "1m30s""#),
        (
            r#"runner.max_in_flight = 0"#,
            r#"max_in_flight = 0: must be a whole number from 1 to 10000, for example max_in_flight = 200"#,
        ),
        (
            r#"limits.component_size = "2GiB""#,
            r#"component_size = "2GiB": must be from 1KiB to 1GiB, for example component_size = "16MiB""#,
        ),
        (
            r#"http = true"#,
            r#"http: must be a section [http], or http = { auth = { token = "${env:PROBITY_TOKEN}" } }"#,
        ),
        (r#"http.auth.token = 12345"#, r#"token: must be a text, for example token = "${env:PROBITY_TOKEN}""#),
        (
            r#"http.wires = {}"#,
            r#"unknown key `wires` in [http]; there can be `auth`, `tls`, `limits`, `timeouts`, `cors_origins`, `status_page`, as in [http.auth]"#,
        ),
        (r#"check = { name = "a" }"#, r#"check: write [[check]], in double brackets, above each"#),
        (r#"check = [1]"#, r#"check: write [[check]], in double brackets, above each"#),
        (
            r#""a\nb" = 1"#,
            r#"unknown key `a\nb` at the top of the file; there can be `listen`, `probes`, `data_dir`, `node_id`, `startup_grace`, `grace_period`, `runner`, `http`, `health`, `experimental`, `security`, `probe`, `otlp`, `metrics`, `events`, `history`, `notify`, `limits`, `defaults`, `check`, as in listen = "127.0.0.1:8081""#,
        ),
        (
            r#"experimental = ["wasi-0.4"]"#,
            r#"experimental = "wasi-0.4": must be "wasi-0.3", for example experimental = ["wasi-0.3"]"#,
        ),
        (r#"defaults.jitter = 1.01"#, r#"jitter = 1.01: must be a number from 0 to 1, for example jitter = 0.2"#),
        (r#"defaults.jitter = nan"#, r#"jitter = nan: must be a number from 0 to 1, for example jitter = 0.2"#),
        (
            r#"defaults.critical = "yes""#,
            r#"critical = "yes": must be true or false, without quotes, for example critical = true"#,
        ),
        (
            r#"defaults.limits.fuel = 99999999999999999999"#,
            r#"fuel = 99999999999999999999: must be a whole number from 1 to 1000000000000000, for example fuel = 100_000_000"#,
        ),
        (
            r#"defaults.limits.memory = "5GiB""#,
            r#"memory = "5GiB": must be from 64KiB to 4GiB, for example memory = "16MiB""#,
        ),
        (
            r#"defaults.limits.memory = "64 megs""#,
            r#"memory = "64 megs": not a size; write it as "64MiB" or "512KiB", or as a number of bytes"#,
        ),
        (
            r#"defaults.connection.max_age = "31d""#,
            r#"max_age = "31d": not a duration; write it as "30s", "5m" or "1m30s", or "off""#,
        ),
        (
            r#"runner.max_live_connections = 10_001"#,
            r#"max_live_connections = 10001: must be a whole number from 1 to 10000, for example max_live_connections = 200"#,
        ),
        (
            r#"defaults.connection.down_interval = "never""#,
            r#"down_interval = "never": not a duration; write it as "30s", "5m" or "1m30s", or "off""#,
        ),
        (
            r#"defaults.connection.max_reconnect_attempts = -1"#,
            r#"max_reconnect_attempts = -1: must be a whole number from 0 to 1000000 or "unlimited", for example max_reconnect_attempts = 10"#,
        ),
        (r#"defaults.connection.rise = 0"#, r#"rise = 0: must be a whole number from 1 to 100, for example rise = 2"#),
        (
            r#"defaults.connection.reconnect_multiplier = 0.5"#,
            r#"reconnect_multiplier = 0.5: must be a number from 1 to 100, for example reconnect_multiplier = 1.5"#,
        ),
        (
            r#"defaults.connection.reconnect_delay = "2d""#,
            r#"reconnect_delay = "2d": not a duration; write it as "30s", "5m" or "1m30s""#,
        ),
        (
            r#"defaults.connection.fall_window = 33"#,
            r#"fall_window = 33: must be a whole number from 1 to 32 or "off", for example fall_window = 5"#,
        ),
        (
            r#"defaults.connection.idle_timeout = 30"#,
            r#"idle_timeout = 30: not a duration; write it as "30s", "5m" or "1m30s", or "off""#,
        ),
        (
            r#"defaults.circuit.strategy = "slow""#,
            r#"strategy = "slow": must be "fixed" or "progressive" or "disabled", for example strategy = "progressive""#,
        ),
        (
            r#"defaults.circuit.failures = 0"#,
            r#"failures = 0: must be a whole number from 1 to 1000 or "off", for example failures = 5"#,
        ),
        (
            r#"defaults.circuit.expiry = "500ms""#,
            r#"expiry = "500ms": must be from 1s to 24h, for example expiry = "30s""#,
        ),
        (
            r#"defaults.circuit.failure_rate = 2"#,
            r#"failure_rate = 2: must be a number from 0 to 1, for example failure_rate = 0.5"#,
        ),
        (
            r#"http.auth.allow_anonymous_control = "yes""#,
            r#"allow_anonymous_control = "yes": must be true or false, without quotes, for example allow_anonymous_control = true"#,
        ),
        (
            r#"events.capacity = 0"#,
            r#"capacity = 0: must be a whole number from 1 to 1000000, for example capacity = 50_000"#,
        ),
        // What is fine by itself and not together.
        (
            r#"defaults.connection = { fall = 5, fall_window = 4 }"#,
            r#"fall_window: a window must be of 1 to 32 verdicts, and of at least as many as the failures that count, which are at least 1; not 5 of 4"#,
        ),
        (
            r#"defaults.connection = { flapping_high = 0.1, flapping_low = 0.2 }"#,
            r#"flapping_low: the shares at which flapping ends and begins must be from 0 to 1 and in this order, not 0.2 and 0.1"#,
        ),
        (
            r#"defaults.circuit = { failure_rate = 0.5, window = 5, minimum_calls = 6 }"#,
            r#"minimum_calls: the least number of calls must be from 1 to the window's 5, not 6"#,
        ),
        (
            r#"defaults.circuit = { failure_rate = 0.0 }"#,
            r#"failure_rate: the share of failures must be above 0 and at most 1, not 0"#,
        ),
        (
            r#"defaults.circuit = { strategy = "progressive", expiry = "60s", max_expiry = "30s" }"#,
            r#"max_expiry: the longest expiry (30s) must not be less than the first (60s)"#,
        ),
    ] {
        assert_eq!(problems(parse(line)), [format!("1: {message}")], "{line}");
    }
}

#[test]
fn each_key_of_a_check_refuses_what_it_can_not_be() {
    for (line, message) in [
        (
            r#"probe = "../x""#,
            r#"probe = "../x": must be 1 to 100 lower-case letters, digits, `-`, `_` and `.`, for example probe = "postgres""#,
        ),
        (r#"enabled = 0"#, r#"enabled = 0: must be true or false, without quotes, for example enabled = false"#),
        (r#"interval = "99ms""#, r#"interval = "99ms": must be from 100ms to 8784h, for example interval = "15s""#),
        (r#"timeout = "0s""#, r#"timeout = "0s": must be from 1ms to 1h, for example timeout = "5s""#),
        (r#"labels = "a""#, r#"labels: must be a table of texts, for example labels = { team = "orders" }"#),
        (
            r#"labels = { team = 3 }"#,
            r#"labels.team = 3: must be one line of 1 to 255 characters, in quotes, for example labels.team = "orders""#,
        ),
        (
            r#"labels = { "a b" = "c" }"#,
            r#"labels: `a b` can't be a label; take 1 to 63 letters, digits, `-`, `_`, `.` and `/`, for example labels = { team = "orders" }"#,
        ),
        (r#"allow = "tcp:a:1""#, r#"allow = "tcp:a:1": must be a list, for example allow = ["tcp:db.internal:5432"]"#),
        (r#"allow = [1]"#, r#"allow: a grant is a text, such as "tcp:db.internal:5432""#),
        (
            r#"settings = 1"#,
            r#"settings: must be a table, for example settings = { host = "db.internal", password = "${env:DB_PASSWORD}" }"#,
        ),
        (
            r#"settings = { a = [{ "b/~" = inf }] }"#,
            r#"settings.a.0.b/~: JSON, in which probes get their settings, has no such number"#,
        ),
        (
            r#"settings = { a = 9223372036854775808 }"#,
            r#"settings.a: the number is too large; write it as a text if the probe takes one"#,
        ),
        (
            r#"timezone = "UTC""#,
            r#"`timezone` has no meaning without `cron`, for example cron = "*/5 8-18 * * mon-fri""#,
        ),
        (
            r#"budget = {}"#,
            r#"unknown key `budget` in [[check]]; there can be `name`, `probe`, `description`, `enabled`, `group`, `labels`, `depends_on`, `cron`, `timezone`, `allow`, `settings`, `interval`, `timeout`, `jitter`, `critical`, `limits`, `connection`, `circuit`, `tls`, as in name = "primary-db""#,
        ),
        (
            r#"max_in_flight = 3"#,
            r#"unknown key `max_in_flight` in [[check]]; it belongs in [runner], as in max_in_flight = 200"#,
        ),
        (r#"limit = {}"#, r#"unknown key `limit` in [[check]]; did you mean `limits`, as in [check.limits]?"#),
        (
            r#"description = "${env:DB_PASSWORD}""#,
            r#"description = "${env:DB_PASSWORD}": `${env:DB_PASSWORD}` is filled in within `settings` and secrets only; write the value itself"#,
        ),
        (
            r#"group = "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff0 ${runner:port}""#,
            r#"group = "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff…": `${runner:port}` is filled in within `settings` and secrets only; write the value itself"#,
        ),
    ] {
        assert_eq!(problems(check(line)), [format!("3: {message}")], "{line}");
    }
}

#[test]
fn what_is_not_toml_is_reported_with_everything_else() {
    let text = r#"listen = 127.0.0.1:8081
[[check]]
name = "a"
name = "b"
interval = 30s
timeout = "1 s"
["#;
    assert_eq!(
        problems(parse(text)),
        [
            r#"1: not TOML: invalid float, expected nothing"#,
            r#"4: `name` is there already; a key can be set once"#,
            r#"5: not TOML: string values must be quoted, expected literal string"#,
            r#"6: timeout = "1 s": not a duration; write it as "30s", "5m" or "1m30s""#,
            r#"7: not TOML: unquoted keys cannot be empty, expected letters, numbers, `-`, `_`"#,
        ]
    );
    let absent = Config::text(Path::new("/nowhere"));
    let why = "0: the config can't be read: No such file or directory (os error 2)";
    assert_eq!(problems(absent), [why]);
}

#[test]
fn a_problem_never_shows_a_secret() {
    for text in [
        "http.auth.token = hunter2",
        "http.auth.token = [\"hunter2\"]",
        "http.auth.token = \"hunter2 \"",
        "http.auth.token = \"hunter2",
        "http.auth = \"hunter2\"",
        "http.auth.tokens = [{ name = \"a\", scopes = [], hash = \"hunter2\" }]",
        "[[check]]\nname = \"a\"\nsettings = \"hunter2\"",
        "[[check]]\nname = \"a\"\nsettings = { password = hunter2 }",
        "[[check]]\nname = \"a\"\nsettings = { password = \"hunter2${env:ABSENT}\" }",
        "[[check]]\nname = \"a\"\nsettings.password = 'hunter2\nx",
        "[[check]]\nname = \"a\"\nsettings.password = '${hunter2'",
        "[[check]]\nname = \"a\"\nsettings.password = '${hunter2}'",
    ] {
        let report = parse(text).unwrap_err();
        assert!(!format!("{report} {report:?}").contains("hunter2"), "{report}");
    }
}
