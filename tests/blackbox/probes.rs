//! The standard probes against real servers, well and unwell.

use std::{thread, time::Duration};

use crate::{
    runner::{BRISK, EAGER, Home},
    servers::Server,
    target::{Target, freeze, greet, nobody},
};

/// What a check comes to: its name, its settings and further keys in TOML, its status or the kind of its fault, and what its
/// message says.
pub type Case<'a> = (&'a str, String, &'a str, &'a str);

/// Runs all cases side by side.
#[track_caller]
pub fn try_out(probe: &str, cases: &[Case<'_>]) {
    try_out_component(probe, rebuilt(probe).as_deref(), cases);
}

/// The component as it was built anew, if it was. What another compiler than the recorded one built can't be compared, so it
/// takes the kept one's place.
pub fn rebuilt(component: &str) -> Option<Vec<u8>> {
    let folder = std::env::var_os("PROBITY_REBUILT_PROBES")?;
    let file = std::path::Path::new(&folder).join(format!("{component}.wasm"));
    Some(std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display())))
}

/// Runs all cases side by side, with a component that is dropped in.
#[track_caller]
pub fn try_out_component(probe: &str, component: Option<&[u8]>, cases: &[Case<'_>]) {
    let mut config = "[defaults]\ninterval = \"1s\"\ntimeout = \"20s\"\n".to_owned();
    for (name, settings, ..) in cases {
        config += &format!("[[check]]\nname = \"{name}\"\nprobe = \"{probe}\"\n{settings}\n");
    }
    let home = Home::new(&config);
    component.iter().for_each(|bytes| home.drop_in(probe, bytes));
    let runner = home.start();
    for (name, _, expected, part) in cases {
        // Not the first run decides: on a busy machine a quick target can be slow, and a run a fault.
        runner.wait_for_check(name, &format!("{expected}, because {part:?}"), |check| {
            let came = if check.fault().is_empty() { check.status() } else { check.fault() };
            came == *expected && check.message().contains(part)
        });
    }
    runner.stop();
}

/// Watches a server of TCP that is well through freeze, crash and return. `settings` are those of the check in TOML; what
/// the check says of the frozen server has `frozen` in it.
#[track_caller]
pub fn watch(server: &mut Server, probe: &str, settings: &str, frozen: &str) {
    let config = format!("{BRISK}[[check]]\nname = \"it\"\nprobe = \"{probe}\"\n{settings}\n{EAGER}");
    let runner = Home::new(&config).start();
    let well = |when: &str| {
        runner.wait_for_check("it", when, |check| check.status() == "healthy" && check.state() == "CONNECTED");
    };
    well("is well");
    // A frozen server accepts connections and answers nothing: that is a verdict, and no fault of the probe's.
    server.freeze();
    runner.wait_for_verdict("it", "unhealthy", frozen);
    server.thaw();
    well("is well again");
    server.kill();
    runner.wait_for_verdict("it", "unhealthy", "connection refused");
    server.restart();
    well("is back");
    let faults = &runner.check("it").unwrap().0["counters"]["faults"];
    assert!(faults.as_object().unwrap().values().all(|count| *count == 0), "{faults}");
    runner.stop();
}

#[test]
fn tcp() {
    let banner = Target::greeting("220 mail.example ESMTP\r\n");
    let slow = Target::tcp(|stream| {
        thread::sleep(Duration::from_millis(300));
        greet("220 at last\r\n")(stream);
    });
    let echo = Target::tcp(|mut stream| {
        let mut back = stream.try_clone().unwrap();
        // Whoever connected may leave at any time.
        let _ = std::io::copy(&mut stream, &mut back);
    });
    let frozen = Target::tcp(freeze);
    let rude = Target::tcp(drop);
    let hurrying = Target::reciting("220 mail\r\n", &["220 go on\r\n250 in the clear\r\n"]);
    let unwilling = Target::reciting("220 mail\r\n", &["454 no TLS today\r\n"]);
    let plain = Target::reciting("220 mail\r\n", &["220 go on\r\n", "220 what?\r\n"]);
    let dribble = Target::dribbling(b"220 mail\r\n");
    let steps = r#", dialogue = [{ expect = "220 " }, { send = "STARTTLS\r\n", expect = { matches = "^220 " }, starttls = true }]"#;
    let endless = Target::tcp(|mut stream| while std::io::Write::write_all(&mut stream, &[b'x'; 1024]).is_ok() {});
    let at = |port: u16, more: &str| format!("settings = {{ host = \"127.0.0.1\", port = {port}{more} }}");
    try_out(
        "tcp",
        &[
            ("open", at(banner.port(), ""), "healthy", &format!("connected to {}", banner.address)),
            ("by-name", at(banner.port(), "").replace("127.0.0.1", "localhost"), "healthy", "connected to 127.0.0.1:"),
            ("banner", at(banner.port(), r#", expect = "220 ""#), "healthy", "answered as expected"),
            ("echo", at(echo.port(), r#", send = "PING\r\n", expect = "PING""#), "healthy", "answered as expected"),
            ("slow", at(slow.port(), r#", expect = "220", degraded_after = "100ms""#), "degraded", "more than 100 ms"),
            ("closed", at(nobody().port(), ""), "unhealthy", "connection refused while connecting to 127.0.0.1:"),
            (
                "other",
                at(banner.port(), r#", expect = "+OK""#) + "\ntimeout = \"2s\"",
                "unhealthy",
                r#"did not answer "+OK" but "220 mail.example ESMTP\r\n", then fell silent"#,
            ),
            (
                "frozen",
                at(frozen.port(), r#", expect = """#) + "\ntimeout = \"2s\"",
                "unhealthy",
                "did not answer within",
            ),
            ("rude", at(rude.port(), r#", expect = """#), "unhealthy", "closed the connection before it answered"),
            ("hurrying", at(hurrying.port(), steps), "unhealthy", "protocol violated (18 bytes more before TLS)"),
            (
                "unwilling",
                at(unwilling.port(), steps) + "\ntimeout = \"2s\"",
                "unhealthy",
                r#"did not answer a line that matches "^220 " but "454 no TLS today\r\n", then fell silent"#,
            ),
            ("plain", at(plain.port(), steps), "unhealthy", "the answer is not TLS"),
            ("no-tls", at(banner.port(), ", tls = true"), "unhealthy", "the answer is not TLS"),
            ("dribble", at(dribble.port(), steps) + "\ntimeout = \"2s\"", "unhealthy", "then fell silent"),
            ("endless", at(endless.port(), r#", expect = "220""#), "unhealthy", "then went on for 4096 bytes"),
            (
                "nowhere",
                at(1, "").replace("127.0.0.1", "nowhere.invalid"),
                "unhealthy",
                "while resolving nowhere.invalid",
            ),
        ],
    );
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n{body}", body.len())
}

#[test]
fn http() {
    let frozen = Target::tcp(freeze);
    let garbage = Target::greeting("220 mail.example ESMTP\r\n");
    let elsewhere = Target::http(|_| answer("200 OK", "", "over here"));
    let other = elsewhere.address;
    let server = Target::http(move |head| match head.split(' ').nth(1).unwrap_or_default() {
        "/" => answer("200 OK", "content-type: text/plain\r\netag: \"1\"\r\n", "all is well"),
        "/broken" => answer("500 Internal Server Error", "", "Fatal error: out of cheese"),
        "/moved" => answer("302 Found", "location: /\r\n", ""),
        "/away" => answer("302 Found", &format!("location: http://{other}/\r\n"), ""),
        "/round" => answer("302 Found", "location: /round\r\n", ""),
        "/slow" => {
            thread::sleep(Duration::from_millis(300));
            answer("200 OK", "", "at last")
        }
        "/cut" => "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nall".to_owned(),
        "/secret" if head.contains("authorization: Bearer abc\r\n") => answer("200 OK", "", "come in"),
        "/secret" => answer("401 Unauthorized", "", ""),
        "/method" => answer("200 OK", "", head.split(' ').next().unwrap_or_default()),
        _ => answer("404 Not Found", "", ""),
    });
    let (port, closed) = (server.port(), nobody().port());
    let at = |path: &str, more: &str| format!("settings = {{ url = \"http://127.0.0.1:{port}{path}\"{more} }}");
    let granted = format!("\nallow = [\"http:{other}\"]");
    try_out(
        "http",
        &[
            ("fine", at("/", ""), "healthy", "/ answered 200"),
            (
                "as-expected",
                at(
                    "/",
                    r#", expect_body = ["well"], expect_header = { content-type = "plain", etag = "" }, reject_body = ["ill"]"#,
                ),
                "healthy",
                "answered 200",
            ),
            ("broken", at("/broken", ""), "unhealthy", "answered 500, expected 200-299"),
            ("as-feared", at("/broken", ", expect_status = [500]"), "healthy", "answered 500"),
            ("no-page", at("/none", ""), "unhealthy", "answered 404, expected 200-299"),
            (
                "other-body",
                at("/", r#", expect_body = ["good"]"#),
                "unhealthy",
                r#"the body is "all is well", expected to contain "good""#,
            ),
            (
                "bad-body",
                at("/", r#", reject_body = ["all"]"#),
                "unhealthy",
                r#"the body is "all is well", expected not to contain "all""#,
            ),
            ("large-body", at("/", ", max_body = 5"), "unhealthy", "has a body of more than max_body, 5 bytes"),
            (
                "no-header",
                at("/", r#", expect_header = { x-none = "" }"#),
                "unhealthy",
                "the header x-none is missing, expected to contain \"\"",
            ),
            ("moved", at("/moved", ", follow_redirects = 1"), "healthy", "/ answered 200"),
            ("not-followed", at("/moved", ""), "unhealthy", r#"answered 302, expected 200-299; it redirects to "/""#),
            ("round", at("/round", ", follow_redirects = 3"), "unhealthy", "it redirects to"),
            ("away", at("/away", ", follow_redirects = 1"), "denied", &format!("allow = [\"http:{other}\"]")),
            (
                "away-granted",
                at("/away", ", follow_redirects = 1") + &granted,
                "healthy",
                &format!("http://{other}/ answered 200"),
            ),
            ("secret", at("/secret", r#", headers = { authorization = "Bearer abc" }"#), "healthy", "answered 200"),
            ("no-secret", at("/secret", ""), "unhealthy", "answered 401"),
            (
                "post",
                at("/method", r#", method = "POST", body = "x=1", expect_body = ["POST"]"#),
                "healthy",
                "answered 200",
            ),
            ("slow", at("/slow", r#", degraded_after = "100ms""#), "degraded", "more than 100 ms"),
            ("cut", at("/cut", ""), "unhealthy", ""),
            ("garbage", at("/", "").replace(&format!(":{port}"), &format!(":{}", garbage.port())), "unhealthy", ""),
            (
                "closed",
                at("/", "").replace(&format!(":{port}"), &format!(":{closed}")),
                "unhealthy",
                "connection refused",
            ),
            (
                "frozen",
                at("/", "").replace(&format!(":{port}"), &format!(":{}", frozen.port())) + "\ntimeout = \"2s\"",
                "unhealthy",
                "no answer within",
            ),
            (
                "no-tls",
                at("/", "").replace(&format!("http://127.0.0.1:{port}"), &format!("https://{}", garbage.address)),
                "unhealthy",
                "no secure connection",
            ),
        ],
    );
}

/// The answer to a question: this response code, and these addresses.
fn respond(question: &[u8], rcode: u8, addresses: &[[u8; 4]]) -> Vec<u8> {
    // The name begins after the header, and ends with an empty label; type and class follow.
    let mut end = 12;
    while question[end] != 0 {
        end += usize::from(question[end]) + 1;
    }
    let asked = &question[12..end + 5];
    let count = u8::try_from(addresses.len()).unwrap();
    let mut answer = [&question[..2], &[0x81, 0x80 | rcode, 0, 1, 0, count, 0, 0, 0, 0], asked].concat();
    for address in addresses {
        // A pointer to the name asked for, type A, class IN, a time to live of a minute, four bytes.
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        answer.extend(address);
    }
    answer
}

const ONE: [u8; 4] = [192, 0, 2, 1];
const TWO: [u8; 4] = [192, 0, 2, 2];

#[test]
fn dns() {
    let no_tcp = |question: &[u8]| respond(question, 2, &[]);
    let server = Target::dns(|question| vec![respond(question, 0, &[ONE, TWO])], no_tcp);
    let unknown = Target::dns(|question| vec![respond(question, 3, &[])], no_tcp);
    let failing = Target::dns(|question| vec![respond(question, 2, &[])], no_tcp);
    let empty = Target::dns(|question| vec![respond(question, 0, &[])], no_tcp);
    let silent = Target::dns(|_| Vec::new(), no_tcp);
    let slow = Target::dns(
        |question| {
            thread::sleep(Duration::from_millis(300));
            vec![respond(question, 0, &[ONE])]
        },
        no_tcp,
    );
    // Too long for a datagram, as it says; over TCP it is not.
    let long = Target::dns(
        |question| {
            let mut answer = respond(question, 0, &[]);
            answer[2] |= 0x02;
            vec![answer]
        },
        |question| respond(question, 0, &[TWO]),
    );
    let garbage = |question: &[u8]| {
        let mut forged = respond(question, 0, &[TWO]);
        forged[0] ^= 0xff;
        let mut cut = respond(question, 0, &[TWO]);
        cut.truncate(20);
        vec![b"whatever".to_vec(), Vec::new(), forged, cut]
    };
    let noisy = Target::dns(move |question| [garbage(question), vec![respond(question, 0, &[ONE])]].concat(), no_tcp);
    let mad = Target::dns(garbage, no_tcp);

    let system = |name: &str, more: &str| format!("settings = {{ name = \"{name}\"{more} }}");
    let at = |server: &Target, more: &str| {
        format!("settings = {{ name = \"www.example\", server = \"127.0.0.1\", port = {}{more} }}", server.port())
    };
    try_out(
        "dns",
        &[
            ("system", system("localhost", r#", expect = ["127.0.0.1"]"#), "healthy", "localhost A: 127.0.0.1"),
            ("system-none", system("nowhere.invalid", ""), "unhealthy", "while resolving nowhere.invalid"),
            ("system-other", system("localhost", r#", expect = ["192.0.2.1"]"#), "unhealthy", "lacks 192.0.2.1"),
            ("fine", at(&server, ""), "healthy", "answered www.example A: 192.0.2.1, 192.0.2.2"),
            ("both", at(&server, r#", expect = ["192.0.2.2", "192.0.2.1"]"#), "healthy", "192.0.2.1"),
            (
                "other",
                at(&server, r#", expect = ["192.0.2.3"]"#),
                "unhealthy",
                "lacks 192.0.2.3; it has 192.0.2.1, 192.0.2.2",
            ),
            ("unknown", at(&unknown, ""), "unhealthy", "is NXDOMAIN, expected NOERROR"),
            ("rightly-unknown", at(&unknown, r#", expect_rcode = "NXDOMAIN""#), "healthy", "NXDOMAIN"),
            ("failing", at(&failing, ""), "unhealthy", "is SERVFAIL, expected NOERROR"),
            ("empty", at(&empty, ""), "unhealthy", "has no record of type A"),
            ("slow", at(&slow, r#", degraded_after = "100ms""#), "degraded", "more than 100 ms"),
            ("silent", at(&silent, "") + "\ntimeout = \"2s\"", "unhealthy", "no answer within"),
            ("long", at(&long, ""), "healthy", "192.0.2.2"),
            ("noisy", at(&noisy, ""), "healthy", "192.0.2.1"),
            ("mad", at(&mad, "") + "\ntimeout = \"2s\"", "unhealthy", "datagrams came, and none answered the question"),
            ("no-server", at(&server, "").replace(&server.port().to_string(), "1"), "unhealthy", "127.0.0.1:1"),
        ],
    );
}
