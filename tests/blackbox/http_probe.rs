//! The probe `http`: what it expects of an answer, operator by operator, and what it makes of answers that are made to harm it.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
};

use crate::{
    nginx::nginx,
    probes::{Case, rebuilt, try_out},
    runner::Home,
    servers::{self, Server},
    target::{Target, freeze, nobody},
};

/// What is answered to each request that asks for no other page.
const DOCUMENT: &str = r#"{
    "status": "UP", "version": "2.14.1", "lag": 2.5, "leader": null, "ok": true, "port": "8080",
    "raft": {"peers": ["a", "b", "c"], "terms/now": 7}, "long": "LONG"
}"#;

/// nginx, which answers with the document.
fn server() -> Option<Server> {
    let folder = servers::folder();
    fs::write(folder.path().join("document"), DOCUMENT.replace("LONG", &"\\u001b[31mlong".repeat(40))).unwrap();
    let port = servers::free_port();
    let server = format!(
        "server {{ listen 127.0.0.1:{port}; root .; rewrite ^ /document break;\n\
             types {{ }} default_type \"application/json; charset=utf-8\"; etag off;\n\
             add_header age 60; add_header set-cookie a=1; add_header set-cookie b=2; }}"
    );
    nginx(folder, port, &server)
}

/// A setting of the probe, whether the answer meets it, and if not what is said.
type Expectation<'a> = (&'a str, Result<(), &'a str>);

/// Tries out all of them side by side.
#[track_caller]
fn try_all(expectations: &[Expectation<'_>]) {
    let Some(server) = server() else { return };
    let names: Vec<String> = (0..expectations.len()).map(|number| format!("case-{number:02}")).collect();
    let cases: Vec<Case<'_>> = names
        .iter()
        .zip(expectations)
        .map(|(name, (setting, came))| {
            let settings = format!("settings = {{ url = \"http://127.0.0.1:{}/\", {setting} }}", server.port());
            match came {
                Ok(()) => (name.as_str(), settings, "healthy", "answered 200"),
                Err(told) => (name.as_str(), settings, "unhealthy", *told),
            }
        })
        .collect();
    try_out("http", &cases);
}

#[test]
fn each_operator_passes_and_fails_and_tells_what_was_seen() {
    try_all(&[
        (r#"expect_json = { "/status" = "UP", "/ok" = true, "/lag" = 2.5, "/port" = 8080 }"#, Ok(())),
        (r#"expect_json = { "/status" = "DOWN" }"#, Err(r#"/: /status is "UP", expected "DOWN""#)),
        (r#"expect_json = { "/status" = { "==" = "UP" } }"#, Ok(())),
        (r#"expect_json = { "/lag" = { "==" = 2 } }"#, Err("/: /lag is 2.5, expected 2")),
        (r#"expect_json = { "/status" = { "!=" = "DOWN" } }"#, Ok(())),
        (r#"expect_json = { "/status" = { "!=" = "UP" } }"#, Err(r#"/: /status is "UP", expected != "UP""#)),
        (r#"expect_json = { "/lag" = { "<" = 3 } }"#, Ok(())),
        (r#"expect_json = { "/lag" = { "<" = 2.5 } }"#, Err("/: /lag is 2.5, expected < 2.5")),
        (r#"expect_json = { "/lag" = { "<=" = 2.5 } }"#, Ok(())),
        (r#"expect_json = { "/lag" = { "<=" = 2 } }"#, Err("/: /lag is 2.5, expected <= 2")),
        (r#"expect_json = { "/raft/terms~1now" = { ">" = 6 } }"#, Ok(())),
        (r#"expect_json = { "/raft/terms~1now" = { ">" = 7 } }"#, Err("/: /raft/terms~1now is 7, expected > 7")),
        (r#"expect_json = { "/raft/peers" = { ">=" = 3 } }"#, Ok(())),
        (
            r#"expect_json = { "/raft/peers" = { ">=" = 4 } }"#,
            Err(r#"/: /raft/peers is ["a", "b", "c"], expected >= 4"#),
        ),
        (r#"expect_json = { "/raft/peers" = { contains = "b" }, "/raft/peers/1" = "b" }"#, Ok(())),
        (
            r#"expect_json = { "/raft/peers" = { contains = "d" } }"#,
            Err(r#"/: /raft/peers is ["a", "b", "c"], expected to contain "d""#),
        ),
        (r#"expect_json = { "/status" = { not_contains = "DOWN" } }"#, Ok(())),
        (
            r#"expect_json = { "/status" = { not_contains = "U" } }"#,
            Err(r#"/: /status is "UP", expected not to contain "U""#),
        ),
        (r#"expect_json = { "/version" = { matches = '^2\.\d+\.' } }"#, Ok(())),
        (
            r#"expect_json = { "/version" = { matches = '^3\.' } }"#,
            Err(r#"/: /version is "2.14.1", expected to match "^3\\.""#),
        ),
        (r#"expect_json = { "/version" = { not_matches = "beta" } }"#, Ok(())),
        (
            r#"expect_json = { "/version" = { not_matches = "1$" } }"#,
            Err(r#"/: /version is "2.14.1", expected not to match "1$""#),
        ),
        (r#"expect_json = { "/status" = { exists = true }, "/leader" = { exists = false } }"#, Ok(())),
        (r#"expect_json = { "/leader" = { exists = true } }"#, Err("/: /leader is missing, expected to exist")),
        (r#"expect_json = { "/leader" = { "!=" = "n1" } }"#, Err(r#"/: /leader is missing, expected != "n1""#)),
        (r#"expect_json = { "" = { ">" = 7, contains = "raft" } }"#, Ok(())),
        (r#"expect_json = { "/long" = "short" }"#, Err(r#"/: /long is "\u{1b}[31mlong\u{1b}[31mlong"#)),
        (r#"expect_json = { "/long" = "short" }"#, Err(r#""…, expected "short""#)),
    ]);
}

#[test]
fn status_headers_and_body_are_held_to_what_is_expected() {
    try_all(&[
        (r#"expect_status = ["2xx"]"#, Ok(())),
        (r#"expect_status = [204, "300-399", "4xx"]"#, Err("/: answered 200, expected 204 or 300-399 or 400-499")),
        (r#"expect_header = { Content-Type = "json", age = { "<=" = 60, ">" = 59 } }"#, Ok(())),
        (r#"expect_header = { age = { "<" = 60 } }"#, Err(r#"/: the header age is "60", expected < 60"#)),
        (
            r#"expect_header = { content-type = { "==" = "application/json" } }"#,
            Err(r#"the header content-type is "application/json; charset=utf-8", expected "application/json""#),
        ),
        (r#"expect_header = { content-type = { matches = "^application/json(;|$)", not_contains = "xml" } }"#, Ok(())),
        (r#"expect_header = { set-cookie = "b=", etag = { exists = false } }"#, Ok(())),
        (
            r#"expect_header = { set-cookie = { not_contains = "b=" } }"#,
            Err(r#"/: the header set-cookie is "a=1" and "b=2", expected not to contain "b=""#),
        ),
        (r#"expect_header = { etag = "" }"#, Err(r#"/: the header etag is missing, expected to contain """#)),
        (r#"expect_body = ["UP", { matches = '"lag": [0-9.]+' }], reject_body = ["DOWN"]"#, Ok(())),
        (r#"expect_body = ["DOWN"]"#, Err(r#"status\": \"UP\""#)),
        (r#"expect_body = [{ not_matches = '"(ok|well)"' }]"#, Err(r#"expected not to match "\"(ok|well)\"""#)),
        (r#"reject_body = ["UP"]"#, Err(r#"expected not to contain "UP""#)),
        (
            r#"expect_status = [204], expect_header = { age = { ">" = 60 } }, expect_json = { "/ok" = false }"#,
            Err(r#"/: answered 200, expected 204; the header age is "60", expected > 60; /ok is true, expected false"#),
        ),
    ]);
}

#[test]
fn what_is_wrong_with_settings_is_said_where_it_is() {
    let cases = [
        (r#"expect_body = [{ matches = "(a" }]"#, "/expect_body/0/matches: not a regular expression: "),
        (
            r#"expect_json = { "/a" = { matches = "(x{99}){99}" } }"#,
            "/expect_json/~1a/matches: not a regular expression: ",
        ),
        (r#"expect_json = { "/a" = { "=<" = 3 } }"#, "/expect_json/~1a/=<: unknown variant `=<`, expected one of `==`"),
        (r#"expect_json = { a = 3 }"#, "/expect_json/a: not a JSON pointer; write one such as `/raft/peers`"),
        (
            r#"expect_header = { age = { "<" = "1m" } }"#,
            "/expect_header/age/<: invalid type: string \"1m\", expected a number",
        ),
        (
            r#"expect_status = ["2x"]"#,
            "/expect_status/0: invalid value: string \"2x\", expected a status code such as 200",
        ),
        ("critical_days = 9, warn_days = 5", "/critical_days: 9 days are more than warn_days, 5"),
    ];
    let names: Vec<String> = (0..cases.len()).map(|number| format!("case-{number}")).collect();
    let cases: Vec<Case<'_>> = names
        .iter()
        .zip(cases)
        .map(|(name, (setting, part))| {
            (
                name.as_str(),
                format!("settings = {{ url = \"http://127.0.0.1/\", {setting} }}"),
                "invalid-settings",
                part,
            )
        })
        .collect();
    try_out("http", &cases);
}

/// A server that answers each request with this head, and goes on as told.
fn answering(head: &'static str, go_on: impl Fn(&mut TcpStream) + Send + Sync + 'static) -> Target {
    Target::tcp(move |mut stream| {
        let mut request = [0; 4096];
        // Whoever asked may leave at any time.
        if stream.read(&mut request).is_ok_and(|read| read > 0) && stream.write_all(head.as_bytes()).is_ok() {
            go_on(&mut stream);
        }
    })
}

/// Writes this over and over, for as long as it is taken.
fn without_end(piece: &'static [u8]) -> impl Fn(&mut TcpStream) + Send + Sync {
    let pieces = piece.repeat(64 * 1024 / piece.len());
    move |stream| while stream.write_all(&pieces).is_ok() {}
}

/// A server that sends a body of this length, made of a beginning, a piece over and over, and an end.
fn sending(length: usize, begin: &'static str, piece: &'static str, end: &'static str) -> Target {
    let pieces = piece.repeat((length - begin.len() - end.len()) / piece.len());
    let body = format!("{begin}{pieces}{end}");
    answering("HTTP/1.1 200 OK\r\nconnection: close\r\n", move |stream| {
        // Whoever asked may have heard enough.
        let _ = write!(stream, "content-length: {}\r\n\r\n{body}", body.len());
    })
}

/// Runs of a check, where chance decides what comes first: one of three in a row would do.
const OFTEN: &str = "20";

#[test]
fn a_request_with_a_body_comes_to_a_verdict_whenever_it_ends() {
    let well = Target::http(|_| "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned());
    let deaf = Target::tcp(freeze);
    // More than the system takes in for a server that does not read.
    let large = "x".repeat(6 * 1024 * 1024);
    let check = |name: &str, port: u16, body: &str| {
        format!(
            "[[check]]\nname = \"{name}\"\nprobe = \"http\"\ntimeout = \"1s\"\n\
             settings = {{ url = \"http://127.0.0.1:{port}/\", method = \"POST\", body = \"{body}\" }}\n"
        )
    };
    let (nobody, no_grpc) = (nobody().port(), nobody().port());
    let home = Home::new(&format!(
        "{}{}{}[[check]]\nname = \"grpc\"\nprobe = \"grpc\"\nsettings = {{ host = \"127.0.0.1\", port = {no_grpc} }}\n",
        check("well", well.port(), "hello"),
        check("nobody", nobody, "hello"),
        check("deaf", deaf.port(), &large)
    ));
    for probe in ["http", "grpc"] {
        rebuilt(probe).iter().for_each(|bytes| home.drop_in(probe, bytes));
    }
    for (name, often, code, part) in [
        ("well", OFTEN, 0, "answered 200"),
        ("nobody", OFTEN, 2, "connection refused while asking"),
        ("grpc", OFTEN, 2, "connection refused while asking"),
        ("deaf", "5", 2, "no answer within"),
    ] {
        let ended = home.run(&["check", name, "--config", "probity.toml", "--repeat", often]);
        assert_eq!(ended.code, Some(code), "{name}: {ended:?}");
        assert!(ended.stdout.contains(part), "{name}: {ended:?}");
    }
}

const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
/// Bytes that a body may have at most.
const MOST_BODY: usize = 8 * 1024 * 1024;
/// Bytes of JSON that are read at most.
const MOST_JSON: usize = 2 * 1024 * 1024;

#[test]
fn answers_that_are_made_to_harm_get_a_verdict() {
    // A body of one byte after the other, as fast as it can be sent: nothing but the time or the length may end it.
    let chunks = answering(CHUNKED, without_end(b"1\r\na\r\n"));
    let endless = answering("HTTP/1.1 200 OK\r\n\r\n", without_end(b"a"));
    let headers = answering("HTTP/1.1 200 OK\r\n", without_end(b"x: y\r\n"));
    let header = answering("HTTP/1.1 200 OK\r\nx: ", without_end(b"y"));
    let lying = answering("HTTP/1.1 200 OK\r\ncontent-length: 18446744073709551615\r\n\r\n{}", |_| {});
    let chunk = answering(&CHUNKED.replace("\r\n\r\n", "\r\n\r\nffffffffffffffff\r\n").leak()[..], |_| {});
    let dribbling = Target::dribbling(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{}");
    let stalling = answering("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{}", |stream| {
        // Until the other side leaves.
        let _ = stream.read(&mut [0]);
    });
    let garbage = Target::tcp(|mut stream| while stream.write_all(&[0xff, 0, 0x0d, 0x0a]).is_ok() {});
    // As much work as JSON of the greatest length can be: many values, many names, much nesting.
    let values = sending(MOST_JSON, "[", "0,", "0]");
    let names = sending(MOST_JSON, "{", "\"\":0,", "\"z\":0}");
    let objects = sending(MOST_JSON, "[", "{\"a\":0},", "{}]");
    let deep = sending(MOST_JSON, "", "[", "");
    let longer = sending(MOST_JSON + 64, "[", "0,", "0]");
    let text = sending(1024 * 1024, "", "a", "");
    let no_text = Target::tcp(|mut stream| {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {MOST_BODY}\r\n\r\n");
        // Whoever asked may leave at any time.
        if stream.read(&mut [0; 4096]).is_ok() && stream.write_all(head.as_bytes()).is_ok() {
            let _ = stream.write_all(&[0xff; MOST_BODY]);
        }
    });
    let at = |target: &Target, settings: &str| {
        format!(
            "settings = {{ url = \"http://{}/\", max_body = 8388608{settings} }}\ntimeout = \"10s\"",
            target.address
        )
    };
    let json = r#", expect_json = { "" = { ">" = 0, "!=" = 5 }, "/a/b" = 3, "/0" = 0, "/z" = 1 }"#;
    let pattern = |pattern: &str| format!(r#", expect_body = [{{ matches = "{pattern}" }}]"#);
    try_out(
        "http",
        &[
            // Either they are too many, or they take too long.
            ("chunks", at(&chunks, ""), "unhealthy", "body of"),
            ("endless", at(&endless, ""), "unhealthy", "has a body of more than max_body, 8388608 bytes"),
            ("headers", at(&headers, ""), "unhealthy", "while asking"),
            ("header", at(&header, ""), "unhealthy", "while asking"),
            ("lying", at(&lying, ""), "unhealthy", "while"),
            ("chunk", at(&chunk, ""), "unhealthy", "while"),
            ("dribbling", at(&dribbling, ""), "unhealthy", "while asking"),
            ("stalling", at(&stalling, ""), "unhealthy", "while reading the body of"),
            ("garbage", at(&garbage, ""), "unhealthy", "while asking"),
            ("values", at(&values, json), "unhealthy", "/z is missing, expected 1"),
            ("names", at(&names, json), "unhealthy", "/z is 0, expected 1"),
            ("objects", at(&objects, json), "unhealthy", "/z is missing, expected 1"),
            ("deep", at(&deep, json), "unhealthy", "the body is no JSON: "),
            ("longer", at(&longer, json), "unhealthy", "the body is no JSON: it has more than 2097152 bytes"),
            (
                "looked-into",
                at(&values, r#", expect_json = { "" = { contains = 3 } }"#),
                "unhealthy",
                "the whole document has more than 524288 bytes, too many to be searched for this",
            ),
            (
                "no-text",
                at(&no_text, r#", expect_body = ["a"], reject_body = ["b"]"#),
                "unhealthy",
                "expected to contain \"a\"",
            ),
            ("no-text-at-all", at(&no_text, &pattern("a")), "unhealthy", "bytes, too many to be searched for this"),
            ("no-json", at(&no_text, json), "unhealthy", "the body is no JSON: it is no UTF-8"),
            ("searched", at(&text, &pattern("a{0,99}b")), "unhealthy", "bytes, too many to be searched for this"),
            (
                "found",
                at(&text, r#", expect_body = ["aaaaaaaaaaaaaaaaaaaaaaaab"]"#),
                "unhealthy",
                "expected to contain",
            ),
        ],
    );
}
