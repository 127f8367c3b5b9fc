//! The probe `json-metric` against servers that tell figures.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::{
    probes::try_out,
    runner::{BRISK, EAGER, Home},
    servers,
    target::{Target, nobody},
};

fn answer(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

const STATUS: &str = r#"{"raft": {"peers": ["a", "b"], "leader": "a", "ok": true, "lag": null}, "rate": 0.97}"#;
const METRICS: &str = "# TYPE depth gauge\ndepth{q=\"mail\"} 250\ndepth{q=\"web\"} 3\nup 1\n";

#[test]
fn figures_are_held_to_their_limits() {
    let json = Target::http(|_| answer("200 OK", STATUS));
    let metrics = Target::http(|_| answer("200 OK", METRICS));
    let wrong = Target::http(|_| answer("500 Oops", "oops"));
    let garbage = Target::tcp(|mut stream| {
        let whole = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\n\xff\xfe\xfd\xfc";
        drop(std::io::Write::write_all(&mut stream, whole));
    });
    // As large as metrics may be, and asked for as much.
    let labels = "method=\"GET\",code=\"200\",zone=\"eu-north-1a\",app=\"shop\"";
    let lines: String = (0..45_000).map(|at| format!("requests_total{{path=\"/{at:06}\",{labels}}} {at}\n")).collect();
    assert!((4_000_000..4 * 1024 * 1024).contains(&lines.len()), "{}", lines.len());
    let long = Target::http(move |_| answer("200 OK", &lines));
    let path = |at| format!(r#"{{ name = "r{at}", metric = "requests_total", labels = {{ path = "/{at:06}" }} }}"#);
    let many: Vec<_> = (0..50).map(path).collect();
    let odd = Target::http(|_| answer("200 OK", "most +Inf\nleast -Inf\nnone NaN\n"));
    // As a tree this would take all the memory that a probe has.
    let huge = Target::http(|_| answer("200 OK", &format!("[{}{{}}]", "{\"a\":0},".repeat(200_000))));
    let rules = |target: &Target, rules: &str| {
        format!("settings = {{ url = \"http://{}/\", rules = [{rules}] }}", target.address)
    };
    let peers = |limits: &str| format!(r#"{{ name = "peers", pointer = "/raft/peers"{limits} }}"#);
    let depth = |more: &str| format!(r#"{{ name = "depth", metric = "depth"{more} }}"#);
    try_out(
        "json-metric",
        &[
            ("there", rules(&json, &peers("")), "healthy", "has 1 figure as it should be"),
            ("few", rules(&json, &peers(", unhealthy_below = 3")), "unhealthy", "peers gave 2, less than 3"),
            ("fair", rules(&json, &peers(", degraded_below = 3")), "degraded", "peers gave 2, less than 3"),
            (
                "leader",
                rules(&json, r#"{ name = "l", pointer = "/raft/leader", expect = "a" }"#),
                "healthy",
                "1 figure",
            ),
            (
                "ok",
                rules(&json, r#"{ name = "ok", pointer = "/raft/ok", expect = "false" }"#),
                "unhealthy",
                "ok is true, expected \"false\"",
            ),
            (
                "rate",
                rules(&json, r#"{ name = "rate", pointer = "/rate", degraded_below = 0.98 }"#),
                "degraded",
                "rate gave 0.97",
            ),
            (
                "lag",
                rules(&json, r#"{ name = "lag", pointer = "/raft/lag" }"#),
                "unhealthy",
                "it gave no value there for lag",
            ),
            (
                "enough",
                rules(&json, r#"{ name = "peers", pointer = "/raft/peers", expect = { ">=" = 2, contains = "b" } }"#),
                "healthy",
                "has 1 figure as it should be",
            ),
            (
                "not-enough",
                rules(&json, r#"{ name = "peers", pointer = "/raft/peers", expect = { ">=" = 3 } }"#),
                "unhealthy",
                r#"peers is ["a", "b"], expected >= 3"#,
            ),
            (
                "no-lag",
                rules(&json, r#"{ name = "lag", pointer = "/raft/lag", expect = { exists = false } }"#),
                "healthy",
                "has 0 figures",
            ),
            (
                "leaderless",
                rules(&json, r#"{ name = "l", pointer = "/raft/none", expect = { matches = "^a" } }"#),
                "unhealthy",
                r#"l is missing, expected to match "^a""#,
            ),
            (
                "mail-operator",
                rules(&metrics, &depth(r#", labels = { q = "mail" }, expect = { "<" = 250 }"#)),
                "unhealthy",
                "depth is 250, expected < 250",
            ),
            ("no-metric", rules(&json, &depth("")), "unhealthy", "it gave JSON, and no metrics for depth"),
            ("sum", rules(&metrics, &depth(", unhealthy_above = 252")), "unhealthy", "depth gave 253, more than 252"),
            (
                "mail",
                rules(&metrics, &depth(r#", labels = { q = "mail" }, degraded_above = 100"#)),
                "degraded",
                "depth gave 250",
            ),
            ("least", rules(&metrics, &depth(r#", of_several = "min", degraded_above = 100"#)), "healthy", "1 figure"),
            (
                "absent",
                rules(&metrics, r#"{ name = "x", metric = "absent" }"#),
                "unhealthy",
                "it gave no such metric for x",
            ),
            ("no-json", rules(&metrics, &peers("")), "unhealthy", "it gave no JSON for peers"),
            ("wrong", rules(&wrong, &peers("")), "unhealthy", "answered 500, expected 2xx: \"oops\""),
            ("garbage", rules(&garbage, &peers("")), "unhealthy", "something that is no text"),
            (
                "nobody",
                format!("settings = {{ url = \"http://{}/\", rules = [{}] }}", nobody(), peers("")),
                "unhealthy",
                "connection refused",
            ),
            ("long", rules(&long, &many.join(", ")), "healthy", "has 50 figures as they should be"),
            (
                "odd",
                rules(
                    &odd,
                    r#"{ name = "a", metric = "most", degraded_below = 3, unhealthy_above = 5 },
                       { name = "b", metric = "least", unhealthy_below = 3, degraded_above = 5 },
                       { name = "c", metric = "none" }"#,
                ),
                "unhealthy",
                "a gave +Inf, more than 5; b gave -Inf, less than 3; c gave NaN, expected a number",
            ),
            ("nothing", rules(&json, ""), "invalid-settings", "there must be from 1 to 50 rules"),
            (
                "operator",
                rules(&json, &peers(r#", expect = { "=>" = 3 }"#)),
                "invalid-settings",
                "/rules/0/expect/=>: unknown variant `=>`, expected one of `==`",
            ),
            ("huge", rules(&huge, &peers("")), "unhealthy", "it gave no value there for peers"),
        ],
    );
}

#[test]
fn a_counter_is_held_to_how_much_it_grows() {
    let (calm, wild) = (AtomicU64::new(7), AtomicU64::new(0));
    let calm = Target::http(move |_| answer("200 OK", &format!("{{\"term\": {}}}", calm.load(Ordering::Relaxed))));
    let wild =
        Target::http(move |_| answer("200 OK", &format!("{{\"term\": {}}}", wild.fetch_add(5, Ordering::Relaxed))));
    let rule = r#"{ name = "changes", pointer = "/term", change = true, degraded_above = 1 }"#;
    let at = |target: &Target| format!("settings = {{ url = \"http://{}/\", rules = [{rule}] }}", target.address);
    try_out(
        "json-metric",
        &[
            ("calm", at(&calm), "healthy", "has 1 figure as it should be"),
            ("wild", at(&wild), "degraded", "changes gave 5, more than 1"),
        ],
    );
}

#[test]
fn a_server_is_watched_through_freeze_crash_and_return() {
    let folder = servers::folder();
    std::fs::write(folder.path().join("status.json"), STATUS).unwrap();
    let Some(mut server) = servers::python(folder) else { return };
    let config = format!(
        "{BRISK}[[check]]\nname = \"self\"\nprobe = \"json-metric\"\n[check.settings]\n\
         url = \"http://${{runner:address}}/metrics\"\n\
         rules = [\n\
           {{ name = \"ready\", metric = \"probity_health_status\", labels = {{ status = \"stopping\" }}, expect = \"0\" }},\n\
           {{ name = \"checks\", metric = \"probity_check_status\", of_several = \"count\", unhealthy_below = 5 }},\n\
         ]\n\
         [[check]]\nname = \"file\"\nprobe = \"json-metric\"\n{EAGER}\
         settings = {{ url = \"http://127.0.0.1:{}/status.json\", rules = [{{ name = \"rate\", pointer = \"/rate\" }}] }}\n",
        server.port()
    );
    let runner = Home::new(&config).start();
    runner.wait_for_check("self", "is well", |check| check.status() == "healthy");
    let well = runner.wait_for_check("file", "is well", |check| check.status() == "healthy");
    assert_eq!(well.0["details"]["rate"], "0.97");
    server.freeze();
    runner.wait_for_check("file", "is frozen", |check| check.message().contains("no answer within"));
    server.thaw();
    runner.wait_for_check("file", "is well again", |check| check.status() == "healthy");
    server.kill();
    runner.wait_for_check("file", "is dead", |check| check.message().contains("connection refused"));
    server.restart();
    runner.wait_for_check("file", "is back", |check| check.status() == "healthy");
    runner.stop();
}
