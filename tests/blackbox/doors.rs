//! Who gets in for what, and what every answer has and has not.

use std::fs::File;

use serde_json::Value;

use crate::{
    guest,
    runner::{BRISK, Ended, Home, Runner, run_to_end},
};

/// Every route that reads, with names filled in.
fn routes(runner: &Runner, token: &str) -> Vec<(String, String)> {
    let described = runner.get_with("/openapi.json", &[("authorization", token)]).json();
    let mut routes = Vec::new();
    for (path, methods) in described["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            let path = path.replace("{name}", "a").replace("{check}", "a").replace("{kind}", "fail");
            routes.push((method.to_uppercase(), path));
        }
    }
    assert!(routes.len() > 25, "{routes:?}");
    routes
}

/// A new token and what the config has to say of it.
fn new_token(home: &Home, arguments: &[&str]) -> (String, String) {
    let ended = home.run(&[&["hash-token", "--generate"], arguments].concat());
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let token = ended.stderr.lines().last().unwrap().to_owned();
    assert!(token.starts_with("probity_") && !ended.stdout.contains(&token), "{ended:?}");
    (token, ended.stdout)
}

fn hash_of(home: &Home, token: &str) -> Ended {
    home.put("token.txt", token.as_bytes());
    let mut command = home.command(&["hash-token", "--name", "by-hand", "--scope", "report", "--scope", "control"]);
    command.stdin(File::open(home.path("token.txt")).unwrap());
    run_to_end(command)
}

#[test]
fn a_token_is_good_for_its_scopes() {
    let home = Home::new("");
    let (reader, of_reader) = new_token(&home, &["--name", "prometheus"]);
    let (admin, of_admin) = new_token(&home, &["--name", "me", "--scope", "admin"]);
    let by_hand = hash_of(&home, "correct-horse-battery-staple\n");
    assert_eq!(
        by_hand.stdout,
        format!(
            "[[http.auth.tokens]]\nname = \"by-hand\"\nhash = \"sha256:{}\"\nscopes = [\"report\", \"control\"]\n",
            sha256("correct-horse-battery-staple")
        ),
        "{by_hand:?}"
    );
    let config = format!("{BRISK}[http.auth]\nread = \"token\"\n{of_reader}{of_admin}{}", by_hand.stdout);
    home.put("probity.toml", config.as_bytes());
    home.drop_in("a", &guest::saying("hello"));
    let runner = home.start();
    let ask = |method: &str, path: &str, token: &str| {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str())];
        runner.ask(method, path, if token.is_empty() { &[] } else { &headers })
    };
    runner.wait_for("the check to run", || {
        let check = ask("GET", "/health/checks/a", &reader).json();
        if check["message"] == "hello" { Ok(()) } else { Err(check) }
    });
    runner.wait_for("the runner to be ready", || match ask("GET", "/health", &reader).status {
        200 => Ok(()),
        status => Err(status),
    });
    let run = "/health/checks/a/run";
    for (method, path, token, status) in [
        ("GET", "/health", "", 401),
        ("GET", "/health", "wrong", 401),
        ("GET", "/health", "correct-horse-battery-staple", 403),
        ("GET", "/health", &reader, 200),
        ("GET", "/health", &admin, 200),
        ("GET", "/health/live", "", 200),
        ("GET", "/", "", 401),
        ("GET", "/health/checks/nope", "", 401),
        ("POST", run, "", 401),
        ("POST", run, &reader, 403),
        ("POST", run, "correct-horse-battery-staple", 200),
        ("POST", run, &admin, 200),
        ("POST", "/health/checks/a/report", &reader, 403),
        ("POST", "/health/checks/a/report", "correct-horse-battery-staple", 409),
        ("GET", "/health/checks/a/reports", "correct-horse-battery-staple", 403),
        ("GET", "/health/checks/a/reports", &admin, 409),
    ] {
        let answer = ask(method, path, token);
        assert_eq!(answer.status, status, "{method} {path} with `{token}`: {}", answer.text());
        if status == 403 {
            assert!(answer.text().contains("this token lacks the scope"), "{}", answer.text());
        }
    }
    runner.stop();
}

#[test]
fn a_token_is_withdrawn_by_taking_it_out() {
    let home = Home::new("");
    let (old, of_old) = new_token(&home, &["--name", "old", "--scope", "admin"]);
    let (new, of_new) = new_token(&home, &["--name", "new", "--scope", "control"]);
    home.put("probity.toml", format!("{of_old}[[check]]\nname = \"door\"\nprobe = \"cpu\"\n").as_bytes());
    let runner = home.start();
    let status = |token: &str| {
        let bearer = format!("Bearer {token}");
        runner.ask("POST", "/connections/door/reset", &[("authorization", &bearer)]).status
    };
    runner.wait_for_check("door", "is there", |_| true);
    assert_eq!((status(&old), status(&new)), (200, 401));
    let rest = "[[check]]\nname = \"door\"\nprobe = \"cpu\"\n";
    runner.home.put("probity.toml", format!("{of_new}{rest}").as_bytes());
    runner.wait_for("the old token to be of no use", || match status(&old) {
        401 => Ok(()),
        status => Err(status),
    });
    assert_eq!(status(&new), 200);
    assert_eq!(runner.get("/health/live").status, 200);
    assert_eq!(runner.get("/probes").status, 200);
    // Reading may be closed as well.
    runner.home.put("probity.toml", format!("{of_new}[http.auth]\nread = \"token\"\n{rest}").as_bytes());
    runner.wait_for("reads to take a token", || match runner.get("/probes").status {
        401 => Ok(()),
        status => Err(status),
    });
    assert_eq!(runner.get("/probes").header("cache-control"), "no-store");
    assert!(!runner.log().contains("takes effect when the runner is started again"), "{}", runner.log());
    runner.stop();
}

fn sha256(text: &str) -> String {
    use std::fmt::Write;
    ring::digest::digest(&ring::digest::SHA256, text.as_bytes()).as_ref().iter().fold(
        String::new(),
        |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        },
    )
}

#[test]
fn a_token_that_could_be_guessed_is_not_hashed() {
    let home = Home::new("");
    for (token, why) in [
        ("hunter2", "this token has 7 characters, and needs 22 random ones"),
        ("", "a token is visible ASCII without spaces"),
        ("correct horse battery staple", "a token is visible ASCII without spaces"),
    ] {
        let ended = hash_of(&home, token);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(3), ""), "{ended:?}");
        assert!(ended.stderr.contains(why), "{ended:?}");
    }
    let ended = home.run(&["hash-token", "--generate", "--scope", "everything"]);
    assert!(ended.code == Some(3) && ended.stderr.contains("read, report, control, admin"), "{ended:?}");
}

#[test]
fn auth_that_can_not_work_is_an_error_that_says_so() {
    let token = "[[http.auth.tokens]]\nname = \"a\"\nhash = \"sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\"\n";
    for (config, why) in [
        ("http.auth.read = \"token\"".to_owned(), "there is no token, so nobody could read"),
        (token.to_owned(), "[[http.auth.tokens]] lacks `scopes`, for example scopes = [\"read\"]"),
        (format!("{token}scopes = []"), "a token without any is good for nothing"),
        (format!("{token}scopes = [\"write\"]"), "\"read\" or \"report\" or \"control\" or \"admin\""),
        (format!("{token}scopes = [\"read\"]\n{token}scopes = [\"read\"]"), "`a` is the name of another token already"),
        (token.replace("sha256:2c", "s3cret") + "scopes = [\"read\"]", "as `probity hash-token` writes it"),
    ] {
        let refusal = Home::new(&config).refusal();
        assert!(refusal.contains(why) && !refusal.contains("s3cret"), "{refusal}");
    }
}

#[test]
fn every_answer_is_guarded_against_browsers() {
    let home = Home::new(&format!("http.auth.token = \"s3cret\"\n{BRISK}"));
    home.drop_in("a", &guest::saying("hello"));
    let runner = home.start();
    runner.wait_for_message("a", "hello");
    let mut routes = routes(&runner, "");
    routes.extend(
        [("GET", "/nowhere"), ("DELETE", "/health"), ("OPTIONS", "/health"), ("HEAD", "/health")]
            .map(|(method, path)| (method.into(), path.into())),
    );
    for (method, path) in routes.iter().filter(|(_, path)| !path.starts_with("/events")) {
        for token in ["", "Bearer s3cret"] {
            let headers = [("authorization", token)];
            let answer = runner.ask(method, path, &headers[usize::from(token.is_empty())..]);
            let what = format!("{method} {path}: {answer:?}");
            assert_eq!(answer.header("x-content-type-options"), "nosniff", "{what}");
            assert_eq!(answer.header("referrer-policy"), "no-referrer", "{what}");
            let policy = answer.header("content-security-policy");
            assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{what}");
            assert_eq!(answer.header("access-control-allow-origin"), "", "{what}");
            // A status page says when it was true.
            let is_dated = path.starts_with("/status") && answer.status == 200;
            let for_one = !matches!(method.as_str(), "GET" | "HEAD") || matches!(answer.status, 401 | 403) || is_dated;
            assert_eq!(answer.header("cache-control") == "no-store", for_one, "{what}");
        }
    }
    runner.stop();

    let runner = Home::new("[http.auth]\nread = \"token\"\ntoken = \"s3cret\"\n").start();
    let answer = runner.get_with("/probes", &[("authorization", "Bearer s3cret")]);
    assert_eq!(
        (answer.status, answer.header("cache-control")),
        (200, "no-store"),
        "what takes a token is kept by nobody"
    );
    runner.stop();
}

#[test]
fn pages_of_other_origins_read_nothing_unless_they_are_named() {
    let asked = [("access-control-request-method", "POST"), ("access-control-request-headers", "authorization")];
    let ask = |runner: &Runner, method: &str, origin: &str| {
        let headers = [&[("origin", origin)], &asked[..if method == "OPTIONS" { 2 } else { 0 }]].concat();
        runner.ask(method, "/health/live", &headers)
    };
    let closed = Home::new("").start();
    for method in ["GET", "OPTIONS"] {
        let answer = ask(&closed, method, "https://dash.example.com");
        assert!(answer.headers.keys().all(|name| !name.as_str().starts_with("access-control-")), "{answer:?}");
    }
    closed.stop();

    let open = Home::new("http.cors_origins = [\"https://dash.example.com\", \"http://localhost:3000\"]").start();
    for (origin, may) in [
        ("https://dash.example.com", true),
        ("http://localhost:3000", true),
        ("https://dash.example.com.evil.example", false),
        ("https://dash.example.com:8443", false),
        ("http://dash.example.com", false),
        ("null", false),
    ] {
        let shown = if may { origin } else { "" };
        let answer = ask(&open, "GET", origin);
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, shown), "{origin}");
        let vary: Vec<_> = answer.headers.get_all("vary").iter().map(|value| value.to_str().unwrap()).collect();
        assert!(vary.contains(&"origin"), "{vary:?}");
        let preflight = ask(&open, "OPTIONS", origin);
        assert_eq!(preflight.header("access-control-allow-origin"), shown, "{origin}");
        assert_eq!(preflight.status, if may { 204 } else { 405 }, "{origin}");
        assert_eq!(preflight.header("access-control-allow-headers").contains("authorization"), may, "{origin}");
    }
    assert_eq!(open.get("/health").header("access-control-allow-origin"), "");
    open.stop();

    let refusal = Home::new("http.cors_origins = [\"*\"]").refusal();
    assert!(refusal.contains("origins as browsers write them"), "{refusal}");
}

/// Whatever is asked, and however wrongly, no answer has any of what the configuration keeps secret.
#[test]
fn no_answer_has_a_secret() {
    let home = Home::new("");
    let (token, of_token) = new_token(&home, &["--name", "reader", "--scope", "admin"]);
    let config = format!(
        "{BRISK}[http.auth]\ntoken = \"${{env:PLAIN}}\"\n{of_token}\
         [[check]]\nname = \"a\"\nsettings = {{ password = \"${{env:PASSWORD}}\", key = \"${{file:key.txt}}\", inner = [\"x${{env:PASSWORD}}\"] }}\n\
         [[check]]\nname = \"db\"\nprobe = \"postgres\"\n\
         settings = {{ host = \"127.0.0.1\", port = 1, user = \"u\", password = \"${{env:PASSWORD}}\" }}\n\
         [[check]]\nname = \"page\"\nprobe = \"http\"\nsettings = {{ url = \"http://127.0.0.1:1/\", headers = {{ authorization = \"${{env:PASSWORD}}\" }} }}\n"
    );
    home.put("probity.toml", config.as_bytes());
    home.put("key.txt", b"secret-of-the-file\n");
    home.drop_in("a", &guest::saying("hello"));
    let mut command = home.command(&["run", "--listen", "127.0.0.1:0", "--data-dir", "state"]);
    command.env("PLAIN", "secret-plain-token").env("PASSWORD", "secret-of-the-environment");
    let runner = home.start_by(command);
    for check in ["a", "db", "page"] {
        runner.wait_for_check(check, "has run", |check| check.runs() > 0);
    }
    let hashes = of_token.lines().find_map(|line| line.strip_prefix("hash = \"sha256:")).unwrap().trim_matches('"');
    let plain = sha256("secret-plain-token");
    let secrets = ["secret-", token.as_str(), hashes, plain.as_str()];
    let mut routes = routes(&runner, "");
    for check in ["db", "page", "nope", "secret_guess"] {
        routes.push(("GET".into(), format!("/health/checks/{check}")));
    }
    routes.push(("PUT".into(), "/connections/a/mode".into()));
    let with = format!("Bearer {token}");
    let mut seen = 0;
    for (method, path) in routes.iter().filter(|(_, path)| !path.starts_with("/events")) {
        for bearer in ["", "Bearer wrong", &with, "Bearer secret-plain-token"] {
            let headers = [("authorization", bearer)];
            let answer = runner.ask(method, path, &headers[usize::from(bearer.is_empty())..]);
            let all = format!("{:?}\n{}", answer.headers, String::from_utf8_lossy(&answer.body));
            for secret in secrets {
                assert!(!all.contains(secret), "{method} {path} tells {secret}: {all}");
            }
            seen += 1;
        }
    }
    assert!(seen > 100, "{seen}");
    let all = runner.stop_and_tell_all();
    for secret in secrets {
        assert!(!all.contains(secret), "{secret} is told");
    }
}

#[test]
fn the_description_says_what_each_route_takes() {
    let runner = Home::new("").start();
    let described = runner.json("/openapi.json");
    let security = |method: &str, path: &str| described["paths"][path][method]["security"].clone();
    let needs = |scope: &str| serde_json::json!([{ "token": [scope] }]);
    assert_eq!(security("post", "/health/checks/{name}/report"), needs("report"));
    assert_eq!(security("post", "/connections/{check}/reset"), needs("control"));
    assert_eq!(security("get", "/health"), serde_json::json!([{}, { "token": ["read"] }]));
    assert_eq!(security("get", "/health/live"), Value::Null);
    for path in ["/health", "/connections/{check}/reset"] {
        for method in described["paths"][path].as_object().unwrap().values() {
            assert!(method["responses"]["429"].is_object() && method["responses"]["401"].is_object(), "{method:#}");
        }
    }
    runner.stop();
}
