//! `probity status` and `probity top`: how the checks of a running runner are, in a terminal.

use std::{
    io::{Read, Write},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
};

use serde_json::Value;

use crate::{
    authority::Authority,
    guest,
    runner::{BRISK, Deadline, EAGER, Home, Runner, TOKEN, run_to_end},
    servers,
    target::Target,
};

/// A runner with something of each: a healthy check, a degraded one in a group, and one that says what a terminal must not obey.
fn running() -> Runner {
    let home = Home::new(&format!(
        "node_id = \"fra1\"\n{BRISK}[[check]]\nname = \"well\"\nprobe = \"well\"\n\
         [[check]]\nname = \"slow\"\nprobe = \"slow\"\ngroup = \"web\"\n[[check]]\nname = \"rude\"\nprobe = \"rude\"\n"
    ));
    home.drop_in("well", &guest::saying("all is well"));
    home.drop_in("slow", &guest::verdict(1, "rather slow"));
    home.drop_in("rude", &guest::saying("a\x1b[2Jb"));
    let runner = home.start();
    runner.wait_for_message("well", "all is well");
    runner.wait_for_message("slow", "rather slow");
    runner.wait_for_check("rude", "has run", |check| check.runs() > 0);
    runner.wait_for_status("degraded");
    runner
}

#[test]
fn the_status_of_a_runner_is_a_table() {
    let runner = running();
    let url = runner.url("");
    let ended = runner.home.run(&["status", &url]);
    assert_eq!(ended.code, Some(1), "degraded: {ended:?}");
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert_eq!(lines[0], "fra1 is degraded: slow is degraded");
    assert!(lines[1].starts_with("STATUS      CHECK  GROUP"), "{ended:?}");
    assert!(lines[2].starts_with("▲ degraded  slow   web"), "the worst first: {ended:?}");
    assert!(lines[2].ends_with("rather slow"), "{ended:?}");
    assert!(ended.stdout.contains("✓ healthy   well   -"), "{ended:?}");
    assert!(!ended.stdout.contains('\x1b'), "neither colours nor what targets say: {ended:?}");
    assert_eq!(lines.len(), 5, "{ended:?}");

    let ended = runner.home.run(&["status", &url, "--problems"]);
    assert!(ended.stdout.contains("slow") && !ended.stdout.contains("well"), "{ended:?}");
    let ended = runner.home.run(&["status", &url, "--group", "web", "-o", "json"]);
    let told: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((ended.code, &told["status"]), (Some(1), &"degraded".into()), "{ended:?}");
    assert_eq!(told["checks"].as_object().unwrap().keys().collect::<Vec<_>>(), ["slow"]);

    // Nothing to show is not all well.
    for format in ["text", "json"] {
        let ended = runner.home.run(&["status", &url, "--group", "wbe", "-o", format]);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(3), ""), "{ended:?}");
        assert!(ended.stderr.contains("has no group `wbe`; there are web"), "{ended:?}");
    }

    // Its address may be in the environment, and is its host and port if it says no more.
    for address in [url, runner.address.to_string()] {
        let mut command = runner.home.command(&["status"]);
        command.env("PROBITY_URL", address);
        assert_eq!(run_to_end(command).code, Some(1));
    }
    runner.stop();
}

#[test]
fn the_exit_code_of_status_is_that_of_the_whole() {
    for (status, code) in [(0, 0), (1, 1), (2, 2)] {
        let home = Home::new(&format!("{BRISK}[[check]]\nname = \"a\"\ncritical = true\n{EAGER}"));
        home.drop_in("a", &guest::verdict(status, "so it is"));
        let runner = home.start();
        runner.wait_for_message("a", "so it is");
        runner.wait_for_status(["healthy", "degraded", "unhealthy"][usize::from(status)]);
        let ended = runner.home.run(&["status", &runner.url("/")]);
        assert_eq!(ended.code, Some(code), "{ended:?}");
        runner.stop();
    }
}

#[test]
fn a_runner_that_does_not_tell_is_an_error_that_says_what_to_do() {
    let home = Home::empty();
    let closed = format!("http://127.0.0.1:{}", servers::free_port());
    let stranger = Target::http(|_| "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi".into());
    let stranger = format!("http://{}", stranger.address);
    for (url, why) in [
        (closed.as_str(), "is not to be reached"),
        ("ftp://127.0.0.1", "is no URL of a runner; write one such as http://127.0.0.1:8081"),
        ("nonsense", "is no URL of a runner"),
        (stranger.as_str(), "is not what a runner says"),
    ] {
        let ended = home.run(&["status", url]);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(3), ""), "{url}: {ended:?}");
        assert!(ended.stderr.contains(why), "{url}: {ended:?}");
    }
}

#[test]
fn status_shows_its_token_where_one_is_asked_for() {
    let home = Home::new(&format!("[http.auth]\nread = \"token\"\ntoken = \"{TOKEN}\"\n[[check]]\nname = \"a\"\n"));
    home.drop_in("a", &guest::saying("hello"));
    let runner = home.start();
    let url = runner.url("");
    let ended = runner.home.run(&["status", &url]);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(
        ended
            .stderr
            .contains("asks for a token with the scope `read`: put it into the environment variable PROBITY_TOKEN"),
        "{ended:?}"
    );
    runner.home.put("token.txt", format!("{TOKEN}\n").as_bytes());
    runner.home.put("wrong.txt", b"wrong");
    runner.wait_for("the check to run", || {
        let ended = runner.home.run(&["status", &url, "--token-file", "token.txt"]);
        if ended.code == Some(0) && ended.stdout.contains("hello") { Ok(()) } else { Err(format!("{ended:?}")) }
    });
    let mut command = runner.home.command(&["status", &url]);
    command.env("PROBITY_TOKEN", TOKEN);
    assert_eq!(run_to_end(command).code, Some(0));
    let ended = runner.home.run(&["status", &url, "--token-file", "wrong.txt"]);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    runner.stop();
}

#[test]
fn status_speaks_tls_with_whom_it_is_told_to_trust() {
    let (ours, other) = (Authority::new("ours"), Authority::new("another"));
    let home = Home::new("[http.tls]\ncert_file = \"server.crt\"\nkey_file = \"server.key\"\n");
    ours.certify(&["localhost"], &home.path(""));
    home.put("ca.pem", ours.pem().as_bytes());
    home.put("other.pem", other.pem().as_bytes());
    home.put("none.pem", b"nothing of the kind");
    let runner = home.start();
    let (url, by_number) =
        (format!("https://localhost:{}", runner.address.port()), format!("https://{}", runner.address));
    let ask = |url: &str, more: &[&str]| runner.home.run(&[&["status", url], more].concat());
    runner.wait_for("a runner without checks to be ready", || {
        let ended = ask(&url, &["--ca-file", "ca.pem"]);
        if ended.code == Some(0) && ended.stdout.contains(" is healthy: ") { Ok(()) } else { Err(format!("{ended:?}")) }
    });
    for (url, more, why) in [
        (&url, &[][..], "is not trusted"),
        (&url, &["--ca-file", "other.pem"][..], "is not trusted"),
        (&by_number, &["--ca-file", "ca.pem"][..], "is not trusted"),
        (&url, &["--ca-file", "none.pem"][..], "none.pem can't be used: there is no certificate in it"),
        (&url, &["--ca-file", "absent.pem"][..], "absent.pem"),
    ] {
        let ended = ask(url, more);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(3), ""), "{more:?}: {ended:?}");
        assert!(ended.stderr.contains(why), "{more:?}: {ended:?}");
    }
    runner.stop();
}

#[test]
fn status_shows_its_certificate_where_one_is_asked_for() {
    let (ours, clients, strangers) = (Authority::new("ours"), Authority::new("clients"), Authority::new("strangers"));
    let home = Home::new(
        "[http.tls]\ncert_file = \"server.crt\"\nkey_file = \"server.key\"\nclient_ca_file = \"clients.pem\"\n",
    );
    ours.certify(&["localhost"], &home.path(""));
    clients.certify_for_days("somebody", 1, &home.path(""), "good");
    strangers.certify_for_days("somebody", 1, &home.path(""), "strange");
    home.put("ca.pem", ours.pem().as_bytes());
    home.put("clients.pem", clients.pem().as_bytes());
    let runner = home.start();
    let url = format!("https://localhost:{}", runner.address.port());
    let ask = |command: &[&str], more: &[&str]| runner.home.run(&[command, &["--ca-file", "ca.pem"], more].concat());
    let good = ["--cert-file", "good.crt", "--key-file", "good.key"];
    runner.wait_for("a runner without checks to be ready", || {
        let ended = ask(&["status", &url], &good);
        if ended.code == Some(0) && ended.stdout.contains(" is healthy: ") { Ok(()) } else { Err(format!("{ended:?}")) }
    });
    let exported = ask(&["export", "--url", &url], &good);
    assert!(exported.code == Some(0) && exported.stdout.starts_with("check,number,"), "{exported:?}");
    for (more, why) in [
        (&[][..], "if it asks for a certificate, name yours by --cert-file and --key-file"),
        (&["--cert-file", "strange.crt", "--key-file", "strange.key"], "does not answer"),
        (&["--cert-file", "good.crt", "--key-file", "strange.key"], "strange.key can't be used: the key does not fit"),
        (&["--cert-file", "good.crt", "--key-file", "ca.pem"], "ca.pem can't be used: there is no private key in it"),
        (&["--cert-file", "good.crt"], "--key-file"),
    ] {
        let ended = ask(&["status", &url], more);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(3), ""), "{more:?}: {ended:?}");
        assert!(ended.stderr.contains(why), "{more:?}: {ended:?}");
    }
    runner.stop();
}

#[test]
fn a_name_and_a_password_in_the_url_are_shown_to_whom_they_are_for() {
    let (seen, told) = std::sync::mpsc::channel();
    let proxy = Target::http(move |request| {
        // The test may have ended.
        let _ = seen.send(request.to_owned());
        "HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".into()
    });
    let ended = Home::empty().run(&["status", &format!("http://ann:s3cret@{}/probity/", proxy.address)]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(3), ""), "{ended:?}");
    assert!(ended.stderr.contains("asks for a token") && !ended.stderr.contains("s3cret"), "{ended:?}");
    let request = told.recv_timeout(crate::runner::PATIENCE).unwrap();
    assert!(request.starts_with("GET /probity/health HTTP/1.1\r\n"), "{request}");
    assert!(request.contains(&format!("\r\nhost: {}\r\n", proxy.address)), "{request}");
    // base64 of `ann:s3cret`.
    assert!(request.contains("\r\nauthorization: Basic YW5uOnMzY3JldA==\r\n"), "{request}");
}

/// `top` on a terminal of its own; what is written to it are keys.
struct Shown {
    process: Child,
    screen: Arc<Mutex<String>>,
}

impl Shown {
    fn start(runner: &Runner, no_color: bool) -> Option<Shown> {
        // It gives a program a terminal of its own (util-linux).
        let script = servers::find("script")?;
        let top = runner.home.command(&["top"]);
        let mut command = Command::new(script);
        command.current_dir(runner.home.path(".")).env("TERM", "xterm").env_remove("NO_COLOR");
        if no_color {
            command.env("NO_COLOR", "1");
        }
        let line =
            format!("stty rows 24 cols 100; {} top {} --interval 100ms", top.get_program().display(), runner.url(""));
        command.args(["--quiet", "--return", "--flush", "--command", &line, "/dev/null"]);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let screen = Arc::<Mutex<String>>::default();
        let (drawn, mut out) = (Arc::clone(&screen), process.stdout.take().unwrap());
        // Not by lines, of which there are none.
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = out.read(&mut buffer) {
                drawn.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..read]));
            }
        });
        Some(Shown { process, screen })
    }

    fn press(&mut self, keys: &str) {
        self.process.stdin.as_mut().unwrap().write_all(keys.as_bytes()).unwrap();
    }

    /// All that was drawn so far.
    fn screen(&self) -> String {
        self.screen.lock().unwrap().clone()
    }

    /// Waits until this was drawn after everything that was there so far.
    #[track_caller]
    fn wait_for(&self, part: &str) {
        let before = self.screen().len();
        let patient = Deadline::new();
        while !self.screen().get(before..).is_some_and(|drawn| drawn.contains(part)) {
            patient.pause(|| format!("{part:?} on the screen; it shows:\n{:?}", self.screen()));
        }
    }

    #[track_caller]
    fn wait_for_end(&mut self) -> Option<i32> {
        let patient = Deadline::new();
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status.code();
            }
            patient.pause(|| format!("top to end; it shows:\n{:?}", self.screen()));
        }
    }
}

#[test]
fn top_shows_what_changes_and_does_what_keys_say() {
    let runner = running();
    let Some(mut top) = Shown::start(&runner, false) else { return };
    top.wait_for("fra1 is degraded: slow is degraded");
    top.wait_for("\x1b[32m✓ healthy");
    assert!(top.screen().contains("\x1b[?1049h"), "on a screen of its own");
    // What happens meanwhile is seen.
    runner.home.drop_in("slow", &guest::verdict(2, "down now"));
    top.wait_for("down now");
    top.press("s");
    top.wait_for("CHECK▾");
    top.press("r");
    top.wait_for("CHECK▴");
    top.press("p");
    top.wait_for("(1 of 3 shown)");
    top.press("p/ru");
    top.wait_for("filter: ru_");
    top.press("\r");
    top.wait_for("rude: a [2Jb");
    top.press("q");
    assert_eq!(top.wait_for_end(), Some(0), "{:?}", top.screen());
    let screen = top.screen();
    assert!(screen.contains("\x1b[?1049l") && screen.contains("\x1b[?25h"), "the terminal is given back: {screen:?}");
    assert!(!screen.contains("a\x1b[2Jb"), "what a target says commands no terminal");
    runner.stop();
}

#[test]
fn top_has_no_colours_where_none_are_wanted_and_tells_of_a_runner_that_went() {
    let runner = running();
    let Some(mut top) = Shown::start(&runner, true) else { return };
    top.wait_for("▲ degraded");
    assert!(!top.screen().contains("\x1b[32m"), "{:?}", top.screen());
    runner.stop();
    top.wait_for("! as of ");
    // Control-C.
    top.press("\x03");
    assert_eq!(top.wait_for_end(), Some(0));
}

#[test]
fn top_refuses_where_it_can_not_draw() {
    let runner = Home::new("").start();
    let ended = runner.home.run(&["top", &runner.url("")]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(3), ""), "{ended:?}");
    assert!(ended.stderr.contains("`top` needs a terminal") && ended.stderr.contains("`probity status`"), "{ended:?}");
    let ended = runner.home.run(&["top", "--interval", "1ms"]);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.stderr.contains("100ms at least"), "{ended:?}");
    runner.stop();
}
