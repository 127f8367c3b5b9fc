//! The probe `http` against nginx: HTTP/1.1 and 2, redirects, codings, credentials and certificates.

use std::{fs, process::Command};

use tempfile::TempDir;

use crate::{
    authority::Authority,
    runner::{BRISK, Check, EAGER, Home, Runner},
    servers::{self, Server},
    target::nobody,
};

/// The password of the user `probe`.
const PASSWORD: &str = "correct-horse";
/// The same as a browser sends it.
const CREDENTIALS: &str = "cHJvYmU6Y29ycmVjdC1ob3JzZQ==";

/// nginx in its folder, with these servers. It listens on `port` among others.
pub fn nginx(folder: TempDir, port: u16, servers: &str) -> Option<Server> {
    let program = servers::find("nginx")?;
    let temporary =
        ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|what| format!("{what}_temp_path {what};\n"));
    // As root it would be nobody, who may not look into the folder.
    let config = format!(
        "daemon off; pid pid; error_log stderr; worker_processes 1; user root;\nevents {{ worker_connections 256; }}\n\
         http {{\naccess_log off; default_type text/plain;\n{}\n{servers}\n}}\n",
        temporary.concat()
    );
    fs::write(folder.path().join("nginx.conf"), config).unwrap();
    Some(Server::start(folder, port, move |folder| {
        let mut command = Command::new(&program);
        command.arg("-p").arg(folder).args(["-e", "stderr", "-c", "nginx.conf"]);
        command
    }))
}

/// A server of `https` with the certificate `stem.crt`, at a new port.
fn secure(stem: &str, more: &str) -> (u16, String) {
    let port = servers::free_port();
    let server = format!(
        "server {{ listen 127.0.0.1:{port} ssl http2; ssl_certificate {stem}.crt; ssl_certificate_key {stem}.key; {more} }}\n"
    );
    (port, server)
}

/// A check of a URL, with more settings and more keys.
fn check(name: &str, url: &str, settings: &str, keys: &str) -> String {
    format!(
        "[[check]]\nname = \"{name}\"\nprobe = \"http\"\nsettings = {{ url = \"{url}\"{settings} }}\n{EAGER}{keys}\n"
    )
}

/// Waits until each check has come to this status, with a message that has this part.
#[track_caller]
fn expect(runner: &Runner, cases: &[(&str, &str, &str)]) {
    for (name, status, part) in cases {
        runner.wait_for_check(name, &format!("{status}, because {part:?}"), |check| {
            let came = if check.fault().is_empty() { check.status() } else { check.fault() };
            came == *status && check.message().contains(part)
        });
    }
}

fn measures(check: &Check, name: &str) -> bool {
    check.0["measurements"].to_string().contains(&format!("\"{name}\""))
}

#[test]
fn a_server_is_watched_through_freeze_crash_and_return() {
    let authority = Authority::new("one");
    let folder = servers::folder();
    authority.certify_for_days("localhost", 90, folder.path(), "server");
    let port = servers::free_port();
    let (secure_port, secure) = secure("server", "return 200 \"over TLS\";");
    let plain = format!("server {{ listen 127.0.0.1:{port}; return 200 \"in the clear\"; }}");
    let Some(mut server) = nginx(folder, port, &format!("{plain}\n{secure}")) else { return };
    let (clear, tls) = (format!("http://127.0.0.1:{port}/"), format!("https://localhost:{secure_port}/"));
    let config = BRISK.to_owned()
        + &check("clear", &clear, r#", expect_body = ["clear"]"#, "")
        + &check("tls", &tls, r#", expect_body = ["TLS"]"#, "")
        + &check("older", &tls, "", "tls.alpn = [\"http/1.1\"]\n")
        + &check("slow", &clear, r#", degraded_after = "0s""#, "")
        + &check("wrong-port", &format!("http://{}/", nobody()), "", "")
        + &check("not-tls", &format!("https://localhost:{port}/"), "", "")
        + &check("not-clear", &format!("http://localhost:{secure_port}/"), "", "");
    let runner = authority.trusting_runner(&config);
    expect(
        &runner,
        &[
            ("clear", "healthy", "/ answered 200"),
            ("tls", "healthy", "/ answered 200"),
            ("older", "healthy", "/ answered 200"),
            ("slow", "degraded", "more than 0.0 ms"),
            ("wrong-port", "unhealthy", "connection refused while asking http://127.0.0.1:"),
            ("not-tls", "unhealthy", "no secure connection (no common ground in the handshake) while asking"),
            ("not-clear", "unhealthy", ": answered 400, expected 200-299"),
        ],
    );
    for (name, version, has_tls) in [("clear", "HTTP/1.1", false), ("tls", "HTTP/2", true), ("older", "HTTP/1.1", true)]
    {
        let check = runner.check(name).unwrap();
        let details = &check.0["details"];
        assert_eq!(details["http-version"], version, "{check:?}");
        assert!(details["address"].as_str().unwrap().starts_with("127.0.0.1:"), "{check:?}");
        for measured in ["resolve", "connect", "wait", "first-byte", "body", "total", "body-size"] {
            assert!(measures(&check, measured), "{measured}: {check:?}");
        }
        for measured in ["tls", "certificate-days-left"] {
            assert_eq!(measures(&check, measured), has_tls, "{measured}: {check:?}");
        }
    }

    let both = |status: &str, parts: [&str; 2]| {
        expect(&runner, &[("clear", status, parts[0]), ("tls", status, parts[1])]);
    };
    // A frozen server accepts connections and answers nothing: that is a verdict, and no fault of the probe's.
    server.freeze();
    both("unhealthy", [" ms while asking http://", " ms while asking https://"]);
    let frozen = runner.check("clear").unwrap();
    assert!(measures(&frozen, "connect") && !measures(&frozen, "wait"), "it is told how far it came: {frozen:?}");
    server.thaw();
    both("healthy", ["answered 200"; 2]);
    server.kill();
    both("unhealthy", ["connection refused while asking"; 2]);
    server.restart();
    both("healthy", ["answered 200"; 2]);
    runner.stop();
}

#[test]
fn redirects_are_followed_as_far_as_the_check_may_go() {
    let authority = Authority::new("one");
    let folder = servers::folder();
    authority.certify_for_days("localhost", 90, folder.path(), "first");
    authority.certify_for_days("localhost", 30, folder.path(), "second");
    let (port, other_port) = (servers::free_port(), servers::free_port());
    let (back_port, back) = secure("first", &format!("return 301 http://localhost:{port}/;"));
    let (last_port, last) = secure("second", "return 200 \"the end\";");
    let (first_port, first) = secure("first", &format!("return 308 https://localhost:{last_port}/;"));
    let told = r#"return 200 "$request_method, $http_authorization, $http_cookie, $http_x_kind";"#;
    let servers = format!(
        "server {{ listen 127.0.0.1:{other_port}; {told} }}\n\
         server {{ listen 127.0.0.1:{port};\n\
             location = / {{ {told} }}\n\
             location = /one {{ return 302 /two; }} location = /two {{ return 301 /; }}\n\
             location = /kept {{ return 307 /; }}\n\
             location = /round {{ return 302 /round; }}\n\
             location = /away {{ return 302 http://localhost:{other_port}/; }}\n\
             location = /up {{ return 301 https://localhost:{last_port}/; }}\n\
             location = /mail {{ return 302 mailto:a@b; }}\n\
         }}\n{back}{last}{first}"
    );
    let Some(server) = nginx(folder, port, &servers) else { return };
    let at = |path: &str| format!("http://localhost:{port}{path}");
    let follow = ", follow_redirects = 5";
    let private =
        ", follow_redirects = 1, headers = { authorization = \"Bearer abc\", cookie = \"d=1\", x-kind = \"probe\" }";
    let all_told = r#", expect_body = ["GET, Bearer abc, d=1, probe"]"#;
    let little_told = r#", expect_body = ["GET, , , probe"]"#;
    let posted = |body: &str| format!(", method = \"POST\", body = \"x\", expect_body = [\"{body}\"]");
    let to_last = format!("allow = [\"https:localhost:{last_port}\"]\n");
    let to_other = format!("allow = [\"http:localhost:{other_port}\"]\n");
    let secure = |port: u16| format!("https://localhost:{port}/");
    let config = BRISK.to_owned()
        + &check("followed", &at("/one"), ", follow_redirects = 2", "")
        + &check("not-so-far", &at("/one"), ", follow_redirects = 1", "")
        + &check("not-at-all", &at("/two"), "", "")
        + &check("expected", &at("/two"), r#", expect_status = ["3xx"], expect_header = { location = "/" }"#, "")
        + &check("round", &at("/round"), follow, "")
        + &check("becomes-get", &at("/two"), &(follow.to_owned() + &posted("GET")), "")
        + &check("stays-post", &at("/kept"), &(follow.to_owned() + &posted("POST")), "")
        + &check("same-server", &at("/two"), &(private.to_owned() + all_told), "")
        + &check("away", &at("/away"), follow, "")
        + &check("away-granted", &at("/away"), &(private.to_owned() + little_told), &to_other)
        + &check("up", &at("/up"), follow, "")
        + &check("up-granted", &at("/up"), follow, &to_last)
        + &check("back", &secure(back_port), follow, &format!("allow = [\"http:localhost:{port}\"]\n"))
        + &check("two-certificates", &secure(first_port), ", follow_redirects = 1, warn_days = 40", &to_last)
        + &check("mail", &at("/mail"), follow, "");
    let runner = authority.trusting_runner(&config);
    expect(
        &runner,
        &[
            ("followed", "healthy", &format!("{} answered 200", at("/"))),
            ("not-so-far", "unhealthy", "/two: answered 301, expected 200-299; it redirects to \"http://localhost:"),
            ("not-at-all", "unhealthy", "/two: answered 301, expected 200-299; it redirects to \"http://localhost:"),
            ("expected", "healthy", "/two answered 301"),
            ("round", "unhealthy", "/round: answered 302, expected 200-299; it redirects to"),
            ("becomes-get", "healthy", "answered 200"),
            ("stays-post", "healthy", "answered 200"),
            ("same-server", "healthy", "answered 200"),
            ("away", "denied", to_other.trim_end()),
            ("away-granted", "healthy", &format!("http://localhost:{other_port}/ answered 200")),
            ("up", "denied", "allow = [\"https:"),
            ("up-granted", "healthy", &format!("https://localhost:{last_port}/ answered 200")),
            ("back", "unhealthy", "redirects to \"http://localhost:"),
            ("two-certificates", "degraded", "the certificate of localhost expires in 30 days, on 20"),
            ("mail", "unhealthy", "redirects to \"mailto:a@b\", but the URL must begin with http:// or https://"),
        ],
    );
    assert!(runner.check("back").unwrap().message().ends_with("which is not secure, and so is not followed"));
    for (name, redirects) in [("followed", 2), ("round", 5), ("up-granted", 1)] {
        assert_eq!(runner.check(name).unwrap().0["details"]["redirects"], redirects, "{name}");
    }
    runner.stop();
    drop(server);
}

#[test]
fn a_body_that_is_compressed_is_not_taken_for_what_it_is_not() {
    let port = servers::free_port();
    let server = format!(
        "gzip on; gzip_min_length 0; gzip_types text/plain;\n\
         server {{ listen 127.0.0.1:{port}; return 200 \"{{\\\"status\\\": \\\"UP\\\"}}\"; }}"
    );
    let Some(_server) = nginx(servers::folder(), port, &server) else { return };
    let url = format!("http://127.0.0.1:{port}/");
    let (json, gzip) = (r#", expect_json = { "/status" = "UP" }"#, r#", headers = { accept-encoding = "gzip" }"#);
    let config = BRISK.to_owned()
        + &check(
            "plain",
            &url,
            &(json.to_owned() + r#", expect_header = { content-encoding = { exists = false } }"#),
            "",
        )
        + &check(
            "packed",
            &url,
            &(gzip.to_owned() + r#", expect_header = { content-encoding = { "==" = "gzip" } }"#),
            "",
        )
        + &check("packed-json", &url, &(gzip.to_owned() + json), "")
        + &check("packed-body", &url, &(gzip.to_owned() + r#", reject_body = ["DOWN"]"#), "");
    let runner = Home::new(&config).start();
    expect(
        &runner,
        &[
            ("plain", "healthy", "answered 200"),
            ("packed", "healthy", "answered 200"),
            ("packed-json", "unhealthy", "/: sent its body as gzip, in which nothing can be found"),
            ("packed-body", "unhealthy", "/: sent its body as gzip, in which nothing can be found"),
        ],
    );
    runner.stop();
}

/// Starts a runner that knows the password.
fn runner_with_password(config: &str) -> Runner {
    let home = Home::new(config);
    let mut command = home.command(&["run", "--listen", "127.0.0.1:0", "--data-dir", "state"]);
    command.env("SHOP_PASSWORD", PASSWORD);
    home.start_by(command)
}

#[test]
fn wrong_credentials_have_a_verdict_of_their_own_and_are_not_told() {
    let folder = servers::folder();
    let users = |password: &str| format!("probe:{{PLAIN}}{password}\n");
    let own_users = folder.path().join("users");
    fs::write(&own_users, users(PASSWORD)).unwrap();
    fs::write(folder.path().join("others"), users("another")).unwrap();
    fs::create_dir(folder.path().join("html")).unwrap();
    fs::write(folder.path().join("html/in"), "come in").unwrap();
    let port = servers::free_port();
    let guarded = |path: &str, users: &str| {
        format!("location {path} {{ alias html/; auth_basic \"the shop\"; auth_basic_user_file {users}; }}\n")
    };
    let server = format!(
        "server {{ listen 127.0.0.1:{port};\n{}{}\
         location = /echo {{ return 500 \"{{\\\"said\\\": \\\"$http_authorization $http_x_api_key $args\\\"}}\"; }} }}",
        guarded("/own/", "users"),
        guarded("/others/", "others"),
    );
    let Some(_server) = nginx(folder, port, &server) else { return };
    let at = |path: &str| format!("http://127.0.0.1:{port}{path}");
    let known = r#", username = "probe", password = "${env:SHOP_PASSWORD}""#;
    let echo = known.to_owned()
        + r#", headers = { x-api-key = "s3same" }, expect_body = ["none"], expect_json = { "/said" = "nothing", "/no" = 1 }"#;
    let config = BRISK.to_owned()
        + &check("good", &at("/own/in"), &(known.to_owned() + r#", expect_body = ["come in"]"#), "")
        + &check(
            "by-header",
            &at("/own/in"),
            &format!(", headers = {{ authorization = \"Basic {CREDENTIALS}\" }}"),
            "",
        )
        + &check("none", &at("/own/in"), "", "")
        + &check("wrong", &at("/others/in"), known, "")
        + &check("expected", &at("/own/in"), ", expect_status = [401]", "")
        + &check("echo", &at("/echo?token=t0ken-value"), &echo, "");
    let runner = runner_with_password(&config);
    let refused = "/in: answered 401, expected 200-299; it";
    expect(
        &runner,
        &[
            ("good", "healthy", "/own/in answered 200"),
            ("by-header", "healthy", "/own/in answered 200"),
            ("none", "unhealthy", &format!("{refused} asks for credentials (Basic realm=\"the shop\")")),
            ("wrong", "unhealthy", &format!("{refused} does not take the credentials (Basic realm=\"the shop\")")),
            ("expected", "healthy", "answered 401"),
            ("echo", "unhealthy", r#"/said is "Basic *** *** token=***", expected "nothing""#),
        ],
    );
    runner.wait_for("lasting failures", || {
        if runner.was_permanent("none") && runner.was_permanent("wrong") { Ok(()) } else { Err(runner.log()) }
    });
    assert!(!runner.was_permanent("echo"));

    // It is let in again once the server knows it.
    fs::write(own_users.with_file_name("others"), users(PASSWORD)).unwrap();
    runner.run("wrong");
    expect(&runner, &[("wrong", "healthy", "/others/in answered 200")]);

    let all = runner.stop_and_tell_all();
    for secret in [PASSWORD, "s3same", "t0ken-value"] {
        assert!(!all.contains(secret), "{secret}");
    }
    // The header that was written out stays in the settings, where it was written; nothing else tells it.
    let told = all.matches(CREDENTIALS).count();
    assert_eq!(told, 0, "{all}");
}

#[test]
fn a_certificate_is_judged_by_whom_it_is_of_and_how_long_it_lasts() {
    let (authority, stranger) = (Authority::new("one"), Authority::new("two"));
    let folder = servers::folder();
    let certify = |authority: &Authority, name: &str, days: i64, stem: &str| {
        authority.certify_for_days(name, days, folder.path(), stem);
        secure(stem, "return 200;")
    };
    let (port, good) = certify(&authority, "localhost", 10, "good");
    let (elsewhere, other) = certify(&authority, "elsewhere.test", 10, "other");
    let (ended, expired) = certify(&authority, "localhost", -3, "expired");
    let (strange, unknown) = certify(&stranger, "localhost", 10, "unknown");
    let servers = [good, other, expired, unknown].concat();
    let renewed = folder.path().join("expired.crt");
    let Some(mut server) = nginx(folder, port, &servers) else { return };
    let at = |port: u16| format!("https://localhost:{port}/");
    let config = BRISK.to_owned()
        + &check("good", &at(port), "", "")
        + &check("long-enough", &at(port), ", warn_days = 10, critical_days = 1", "")
        + &check("soon", &at(port), ", warn_days = 11, critical_days = 10", "")
        + &check("too-soon", &at(port), ", critical_days = 11", "")
        + &check("elsewhere", &at(elsewhere), "", "")
        + &check("expired", &at(ended), "", "")
        + &check("unknown", &at(strange), "", "")
        + &check("anybody", &at(ended), "", "tls.insecure_skip_verify = true\n")
        + &check("anybody-in-time", &at(ended), ", warn_days = 1", "tls.insecure_skip_verify = true\n");
    let runner = authority.trusting_runner(&config);
    let of_localhost = "the certificate of localhost";
    expect(
        &runner,
        &[
            ("good", "healthy", "answered 200"),
            ("long-enough", "healthy", "answered 200"),
            ("soon", "degraded", &format!("/: {of_localhost} expires in 10 days, on 20")),
            ("too-soon", "unhealthy", &format!("/: {of_localhost} expires in 10 days, on 20")),
            ("elsewhere", "unhealthy", "the certificate is not for localhost but for elsewhere.test while asking"),
            ("expired", "unhealthy", &format!("{of_localhost} expired on 20")),
            ("unknown", "unhealthy", &format!("the issuer of {} is not trusted", &of_localhost)),
            ("anybody", "healthy", "answered 200"),
            ("anybody-in-time", "unhealthy", &format!("/: {of_localhost} expired on 20")),
        ],
    );
    assert!(runner.check("soon").unwrap().message().ends_with(": warn_days is 11"));
    assert!(runner.check("too-soon").unwrap().message().ends_with(": critical_days is 11"));

    // The certificate is renewed, and taken up.
    authority.certify_for_days("localhost", 90, renewed.parent().unwrap(), "expired");
    server.kill();
    server.restart();
    expect(&runner, &[("expired", "healthy", "answered 200"), ("anybody-in-time", "healthy", "answered 200")]);
    runner.stop();
}
