//! The probe `etcd`, against what only looks like a server.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::json;

use crate::{
    etcd::{PASSWORD, check, url},
    probes::try_out,
    runner::{BRISK, EAGER, Home},
    target::{Target, freeze},
};

/// An answer over HTTP.
fn page(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// A server that answers like etcd, but for these methods, and keeps nothing.
fn lossy(other: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Target {
    Target::http(move |head| {
        let method = head.split(' ').nth(1).unwrap_or_default().trim_start_matches("/v3/");
        other(head).unwrap_or_else(|| match method {
            "auth/authenticate" => page("200 OK", r#"{"header":{},"token":"fresh"}"#),
            "lease/grant" => page("200 OK", r#"{"header":{},"ID":"7","TTL":"60"}"#),
            "maintenance/alarm" => page("200 OK", r#"{"alarms":[{"memberID":"31","alarm":"CORRUPT"}]}"#),
            _ => page("200 OK", r#"{"header":{"member_id":"7"}}"#),
        })
    })
}

#[test]
fn what_only_looks_like_a_server_gets_a_verdict() {
    let complaint = |status: &str, message: &str, code: u32| {
        page(status, &json!({ "error": message, "message": message, "code": code }).to_string())
    };
    let always = |answer: String| Target::http(move |_| answer.clone());
    let frozen = Target::tcp(freeze);
    let rude = Target::tcp(drop);
    let mail = Target::greeting("220 mail.example ESMTP\r\n");
    let other = always(page("404 Not Found", "404 page not found"));
    let empty = always(page("200 OK", "{}"));
    let deep = always(page("200 OK", &"[".repeat(10_000)));
    let endless = Target::endless("HTTP/1.1 200 OK\r\n\r\n", b"x");
    let late = always(complaint("503 Service Unavailable", "etcdserver: request timed out", 14));
    let odd = always(complaint("500 Internal Server Error", "etcdserver: out of cheese", 13));
    let keeps_nothing = lossy(|_| None);
    let garbled = lossy(|head| {
        let kvs = r#"{"header":{},"kvs":[{"key":"YQ==","value":"***"}]}"#;
        head.contains("/kv/range").then(|| page("200 OK", kvs))
    });
    // The first token is not known after all, as that of a server which was started again in the meantime.
    let forgetful = lossy({
        let tokens = AtomicU32::new(0);
        let refusal = complaint("401 Unauthorized", "etcdserver: invalid auth token", 16);
        move |head| {
            if head.contains("/auth/authenticate") {
                let token = tokens.fetch_add(1, Ordering::Relaxed);
                return Some(page("200 OK", &format!(r#"{{"header":{{}},"token":"{token}"}}"#)));
            }
            head.contains("authorization: 0\r\n").then(|| refusal.clone())
        }
    });
    let at =
        |target: &Target, more: &str| format!("settings = {{ url = \"http://{}\"{more} }}\n{EAGER}", target.address);
    let user = r#", user = "a", password = "b""#;
    let lost = "it lost a value that it had just taken";
    try_out(
        "etcd",
        &[
            ("frozen", at(&frozen, ""), "unhealthy", "no answer within"),
            ("rude", at(&rude, ""), "unhealthy", "while asking http://127.0.0.1:"),
            ("mail", at(&mail, ""), "unhealthy", "while asking http://127.0.0.1:"),
            (
                "other",
                at(&other, ""),
                "unhealthy",
                r#"does not speak etcd's API v3: it answered lease/grant with 404: "404 page not found""#,
            ),
            ("empty", at(&empty, ""), "unhealthy", r#"it answered lease/grant with 200: "{}""#),
            ("deep", at(&deep, ""), "unhealthy", "does not speak etcd's API v3"),
            ("endless", at(&endless, ""), "unhealthy", "it answered lease/grant with more than 65536 bytes"),
            ("late", at(&late, ""), "unhealthy", "got no majority to agree in time"),
            (
                "odd",
                at(&odd, ""),
                "unhealthy",
                r#"refused the request: it answered lease/grant with "etcdserver: out of"#,
            ),
            ("keeps-nothing", at(&keeps_nothing, ""), "unhealthy", lost),
            (
                "alarmed",
                at(&keeps_nothing, ""),
                "unhealthy",
                "member 1f has raised the alarm CORRUPT; it has no leader",
            ),
            ("garbled", at(&garbled, ""), "unhealthy", "it answered kv/range with a value that is no base 64"),
            ("forgetful", at(&forgetful, user), "unhealthy", lost),
            ("no-tls", at(&mail, "").replace("http:", "https:"), "unhealthy", "no secure connection"),
            (
                "nowhere",
                at(&other, "").replace("127.0.0.1", "nowhere.invalid"),
                "unhealthy",
                "while asking http://nowhere.invalid:",
            ),
        ],
    );
}

#[test]
fn a_password_that_the_server_repeats_is_not_shown() {
    let body = json!({ "error": "", "message": format!("etcdserver: what is {PASSWORD}?"), "code": 2 }).to_string();
    let echo = Target::http(move |_| page("500 Internal Server Error", &body));
    // Written out, so that the runner does not know it for a secret.
    let settings = format!(r#", user = "probe", password = "{PASSWORD}""#);
    let runner = Home::new(&format!("{BRISK}{}", check("echo", &url(echo.port()), &settings))).start();
    let seen = runner.wait_for_check("echo", "is refused", |check| check.status() == "unhealthy");
    assert!(seen.message().contains("\"etcdserver: what is ***?\""), "{seen:?}");
    assert!(!runner.stop_and_tell_all().contains(PASSWORD));
}
