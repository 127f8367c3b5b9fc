//! Health by `grpc.health.v1`, asked for by the client of gRPC's own, and by the probe `grpc` of another check.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
};

use rustix::process::Signal;

use crate::{
    authority::Authority,
    guest,
    runner::{BRISK, Home, PATIENCE, Runner, TOKEN},
    servers,
};

/// The client, ready to be told what to ask.
fn client(runner: &Runner, arguments: &[&str]) -> Option<Command> {
    let (python, packages) = (servers::find("python3")?, servers::python_package("grpcio-health-checking")?);
    let script = runner.home.path("client.py");
    fs::write(&script, include_str!("grpc_health/client.py")).unwrap();
    let mut command = Command::new(python);
    command.env("PYTHONPATH", packages).env("PYTHONDONTWRITEBYTECODE", "1").arg(script);
    command.arg(format!("localhost:{}", runner.address.port())).args(arguments);
    Some(command)
}

/// What it says.
fn ask(runner: &Runner, arguments: &[&str]) -> Option<String> {
    let output = client(runner, arguments)?.output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(!said.is_empty(), "{}\n{}", String::from_utf8_lossy(&output.stderr), runner.log());
    Some(said.trim_end().to_owned())
}

/// A runner with a check of each status, two of them in a group.
fn runner(more: &str) -> Runner {
    let home = Home::new(&format!("{more}{BRISK}connection = {{ fall = 1 }}\n"));
    for (name, status, group) in [("alpha", 0, "greek"), ("beta", 1, "greek"), ("gamma", 2, "rest")] {
        home.drop_in(name, &guest::verdict(status, &format!("I am {name}")));
        home.put(&format!("probes.d/{name}.toml"), format!("[[check]]\ngroup = \"{group}\"\n").as_bytes());
    }
    home.drop_in("broken", &guest::fixture("traps"));
    home.start()
}

fn wait(runner: &Runner) {
    runner.wait_for_json("/health", "all to be known, with their groups", |health| {
        let checks = &health["checks"];
        checks["gamma"]["group"] == "rest"
            && checks["alpha"]["group"] == "greek"
            && checks["beta"]["group"] == "greek"
            && checks["broken"]["status"] == "unknown"
            && health["status"] == "degraded"
    });
}

#[test]
fn each_check_and_each_group_is_a_service() {
    let runner = runner("");
    wait(&runner);
    for (service, expected) in [
        ("", "SERVING"),
        ("alpha", "SERVING"),
        ("beta", "SERVING"),
        ("gamma", "NOT_SERVING"),
        ("broken", "UNKNOWN"),
        ("group:greek", "SERVING"),
        ("group:rest", "SERVING"),
        ("none", "NOT_FOUND there is no service `none`"),
        ("group:none", "NOT_FOUND there is no service `group:none`"),
    ] {
        let Some(said) = ask(&runner, &["Check", service]) else { return };
        assert_eq!(said, expected, "{service}");
    }
    let listed = "(all) SERVING\nalpha SERVING\nbeta SERVING\nbroken UNKNOWN\ngamma NOT_SERVING\ngroup:greek SERVING\n\
                  group:rest SERVING";
    assert_eq!(ask(&runner, &["List"]).unwrap(), listed);
    runner.home.put("probes.d/gamma.toml", b"[[check]]\ngroup = \"rest\"\ncritical = true\n");
    runner.wait_for_status("unhealthy");
    assert_eq!(ask(&runner, &["Check"]).unwrap(), "NOT_SERVING");
    assert_eq!(ask(&runner, &["Check", "group:rest"]).unwrap(), "NOT_SERVING");
    assert_eq!(ask(&runner, &["Check", "group:greek"]).unwrap(), "SERVING");
    runner.stop();
}

/// Somebody who watches a service, line by line.
struct Watcher {
    process: Child,
    lines: Receiver<String>,
}

impl Watcher {
    fn of(runner: &Runner, service: &str) -> Option<Watcher> {
        let mut process = client(runner, &["Watch", service])?.stdout(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = channel();
        let out = BufReader::new(process.stdout.take().unwrap());
        thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Some(Watcher { process, lines })
    }

    #[track_caller]
    fn next(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("another word of the watched service")
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn who_watches_is_told_of_each_change_until_the_end() {
    let mut runner = runner("");
    wait(&runner);
    let Some(alpha) = Watcher::of(&runner, "alpha") else { return };
    let (whole, later) = (Watcher::of(&runner, "").unwrap(), Watcher::of(&runner, "later").unwrap());
    assert_eq!([alpha.next(), whole.next(), later.next()], ["SERVING", "SERVING", "SERVICE_UNKNOWN"]);
    runner.home.drop_in("alpha", &guest::verdict(2, "I am ill"));
    assert_eq!(alpha.next(), "NOT_SERVING");
    runner.home.drop_in("alpha", &guest::verdict(0, "I am well"));
    assert_eq!(alpha.next(), "SERVING");
    runner.home.drop_in("later", &guest::saying("better than never"));
    // A check that has not run yet may be seen on the way.
    let mut said = later.next();
    if said == "UNKNOWN" {
        said = later.next();
    }
    assert_eq!(said, "SERVING");
    runner.signal(Signal::TERM);
    for watcher in [&alpha, &whole, &later] {
        assert_eq!([watcher.next(), watcher.next()], ["NOT_SERVING", "end"]);
    }
    assert_eq!(runner.wait_for_exit().code(), Some(0), "{}", runner.log());
    assert!(!runner.log().contains("are cut"), "nobody had to be cut off: {}", runner.log());
}

#[test]
fn where_reading_takes_a_token_so_does_this() {
    let runner = runner("http.auth.token = \"s3cret\"\nhttp.auth.read = \"token\"\n");
    let Some(said) = ask(&runner, &["Check"]) else { return };
    assert!(said.starts_with("UNAUTHENTICATED this takes a token"), "{said}");
    let said = ask(&runner, &["Check", "--token", "wrong"]).unwrap();
    assert!(said.starts_with("UNAUTHENTICATED this is not a token"), "{said}");
    let said = ask(&runner, &["List", "--token", TOKEN]).unwrap();
    assert!(said.starts_with("(all) "), "{said}");
    runner.stop();
}

#[test]
fn it_is_there_over_tls_too() {
    let authority = Authority::new("ours");
    let home = Home::new("[http.tls]\ncert_file = \"server.crt\"\nkey_file = \"server.key\"\n");
    authority.certify(&["localhost"], &home.path(""));
    home.put("ca.pem", authority.pem().as_bytes());
    let runner = home.start();
    let ca = runner.home.path("ca.pem");
    let check = || ask(&runner, &["Check", "--ca", ca.to_str().unwrap()]);
    let Some(mut said) = check() else { return };
    // It may still be starting.
    if said == "NOT_SERVING" {
        said = runner.wait_for("it to serve", || match check().unwrap() {
            said if said == "SERVING" => Ok(said),
            said => Err(said),
        });
    }
    assert_eq!(said, "SERVING");
    // The same listener speaks HTTP/1.1 to those who want that, and HTTP/2 to browsers.
    if let Some(curl) = servers::find("curl") {
        for (version, expected) in [("--http1.1", "1.1 200"), ("--http2", "2 200")] {
            let mut command = Command::new(&curl);
            command.args(["--silent", "--show-error", version, "--cacert"]).arg(&ca);
            command.args(["--write-out", "%{http_version} %{http_code}", "--output", "/dev/null"]);
            let output = command.arg(format!("https://localhost:{}/livez", runner.address.port())).output().unwrap();
            assert_eq!(String::from_utf8_lossy(&output.stdout), expected, "{output:?}");
        }
    }
}

#[test]
fn all_routes_are_there_over_http_2_in_the_clear() {
    let runner = runner("");
    wait(&runner);
    let Some(curl) = servers::find("curl") else { return };
    let url = |path: &str| format!("http://localhost:{}{path}", runner.address.port());
    let ask = |arguments: &[&str]| {
        let mut command = Command::new(&curl);
        command.args([
            "--silent",
            "--show-error",
            "--http2-prior-knowledge",
            "--write-out",
            "\n%{http_version} %{http_code}",
        ]);
        let output = command.args(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap_or_else(|_| panic!("{:?}", output.stderr))
    };
    assert_eq!(ask(&[&url("/livez")]), "ok\n2 200");
    for path in ["/health", "/metrics", "/health/checks/alpha"] {
        assert!(ask(&[&url(path)]).ends_with("\n2 200"), "{path}");
    }
    // Whoever is at this machine may have a check run, by whichever version they ask.
    assert!(ask(&["-X", "POST", &url("/health/checks/alpha/run")]).ends_with("\n2 200"));
    let elsewhere = ask(&["-X", "POST", "-H", "host: rebound.example.com", &url("/health/checks/alpha/run")]);
    assert!(elsewhere.ends_with("\n2 403"), "{elsewhere}");
    runner.stop();
}

#[test]
fn a_runner_can_examine_another() {
    let watched = runner("");
    wait(&watched);
    let port = watched.address.port();
    let check = |name: &str, service: &str| {
        format!(
            "[[check]]\nname = \"{name}\"\nprobe = \"grpc\"\nsettings = {{ host = \"127.0.0.1\", port = {port}, service = \"{service}\" }}\n"
        )
    };
    let checks = ["whole", "good", "bad"].into_iter().zip(["", "alpha", "gamma"]);
    let config: String = checks.map(|(name, service)| check(name, service)).collect();
    let watching = Home::new(&format!("{BRISK}connection = {{ fall = 1 }}\n{config}")).start();
    for (name, status, message) in [
        ("whole", "healthy", "is serving"),
        ("good", "healthy", "serves alpha"),
        ("bad", "unhealthy", "does not serve gamma"),
    ] {
        watching.wait_for_verdict(name, status, message);
    }
    watching.stop();
    watched.stop();
}

#[test]
fn who_does_not_speak_grpc_is_told_so() {
    let runner = runner("");
    let answer = runner.change("POST", "/grpc.health.v1.Health/Check", "");
    assert_eq!(answer.status, 415, "{}", answer.text());
    assert_eq!(answer.json()["type"], "urn:probity:error:unsupported-media-type");
    runner.stop();
}
