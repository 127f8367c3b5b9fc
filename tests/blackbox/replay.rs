//! Recordings: runs against real servers, kept in a file, and replayed from it without any network.

use std::{fs, process::Command};

use serde_json::{Value, json};

use crate::{
    authority::Authority,
    guest,
    mainline_dht::Network,
    network::{may_unshare, same},
    nginx::nginx,
    postgres::Postgres,
    runner::{Deadline, Ended, Home, run_to_end},
    servers,
    target::Target,
};

/// How often a recording is replayed.
const TIMES: usize = 1_000;

#[track_caller]
fn check(home: &Home, code: i32, arguments: &[&str]) -> Ended {
    let ended = home.run(&[&["check"], arguments].concat());
    assert_eq!(ended.code, Some(code), "{arguments:?}: {ended:?}");
    ended
}

#[track_caller]
fn runs(ended: &Ended) -> Vec<Value> {
    let told: Value = serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
    told["runs"].as_array().unwrap().clone()
}

/// What a probe said, and what it used to say so.
fn said(run: &Value) -> Value {
    let mut said = run.clone();
    for key in ["started", "took", "calls"] {
        said.as_object_mut().unwrap().remove(key);
    }
    said
}

/// What a run asked of its runner, added up.
fn asked(run: &Value) -> u64 {
    run["calls"].as_object().unwrap().values().filter_map(Value::as_u64).sum()
}

/// The lines of a recording.
fn lines(home: &Home, name: &str) -> Vec<Value> {
    let text = fs::read_to_string(home.path(name)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Has a probe recorded against a real server, and replayed [`TIMES`] times where there is no network at all.
#[track_caller]
fn record_and_replay(home: &Home, probe: &str, arguments: &[&str], secret: Option<&str>) {
    let recording = [&[probe], arguments, &["-o", "json", "--record", "tape.jsonl"]].concat();
    let real = runs(&check(home, 0, &recording)).remove(0);
    assert!(asked(&real) > 0, "{real}");
    let text = fs::read_to_string(home.path("tape.jsonl")).unwrap();
    if let Some(secret) = secret {
        assert!(!text.contains(secret), "{text}");
        // The same as base64, wherever in a group of three bytes it begins.
        for before in ["", " ", "  "] {
            let word = base64(&format!("{before}{secret}"));
            assert!(!text.contains(&word[4..word.len() - 4]), "{word}: {text}");
        }
    }
    let times = TIMES.to_string();
    let replaying = [&["check", probe], arguments, &["-o", "json", "--replay", "tape.jsonl"]].concat();
    let repeated = home.command(&[&replaying[..], &["--repeat", &times]].concat());
    let Some(replayed) = without_network(repeated) else { return };
    assert_eq!(replayed.code, Some(0), "{replayed:?}");
    let replayed = runs(&replayed);
    assert_eq!(replayed.len(), TIMES);
    for run in &replayed {
        assert_eq!((said(run), asked(run)), (said(&real), 0), "{run}");
    }

    let Some(strace) = servers::find("strace") else { return };
    let mut traced = Command::new(strace);
    let log = home.path("trace");
    traced.args(["-f", "-qq", "-e", "trace=%network", "-o"]).arg(&log).arg("--");
    let replayed = run_to_end(same(&home.command(&replaying), traced));
    assert_eq!((replayed.code, said(&runs(&replayed)[0])), (Some(0), said(&real)), "{replayed:?}");
    let log = fs::read_to_string(log).unwrap();
    // Its compiler, a process of its own, is spoken with over a pipe; tokio's signals wake it by a pair.
    let opened: Vec<_> = log.lines().filter(|line| line.contains("socket(") || line.contains("connect(")).collect();
    assert!(opened.is_empty(), "{opened:?}");
}

fn base64(text: &str) -> String {
    use base64::{Engine as _, prelude::BASE64_STANDARD};
    BASE64_STANDARD.encode(text)
}

/// Runs a command where there is no network, not even the machine's own. `None`, said aloud, where that can't be had.
fn without_network(command: Command) -> Option<Ended> {
    let unshare = servers::find("unshare")?;
    if !may_unshare("--net")? {
        return None;
    }
    let mut way = Command::new(unshare);
    way.args(["--net", "--"]);
    Some(run_to_end(same(&command, way)))
}

#[test]
fn the_probe_http_is_replayed() {
    let port = servers::free_port();
    let server = format!("server {{ listen 127.0.0.1:{port}; return 200 \"you are $http_authorization\"; }}");
    let Some(_server) = nginx(servers::folder(), port, &server) else { return };
    let home = Home::empty();
    let url = format!("url=http://localhost:{port}/");
    let arguments = ["--set", &url, "--set", "username=probe", "--set", "password=correct-horse"];
    record_and_replay(&home, "http", &arguments, Some("correct-horse"));

    // A recording says what it is of. Only what it leaves out has to be given again.
    let header = lines(&home, "tape.jsonl").remove(0);
    assert_eq!((&header["recording"], &header["probe"]), (&json!(1), &json!("http")), "{header}");
    assert_eq!(header["settings"]["password"], json!("***"), "{header}");
    let ended = check(&home, 3, &["http", "--replay", "tape.jsonl"]);
    assert!(ended.stderr.contains("`settings.password` has one: give it again, as --set password=…"), "{ended:?}");
    check(&home, 0, &["http", "--replay", "tape.jsonl", "--set", "password=correct-horse"]);

    // Whoever asks for something else is told what was asked then.
    let ended = check(&home, 3, &["http", "--replay", "tape.jsonl", "--set", "password=x", "--set", "method=HEAD"]);
    for part in
        ["unknown (divergence): tape.jsonl: line ", "is `wasi:http/types@0.2.12#", "(its settings are not those"]
    {
        assert!(ended.stdout.contains(part), "{part:?}: {ended:?}");
    }
    let other = format!("url=http://localhost:{port}/other");
    let ended =
        check(&home, 3, &["http", "--replay", "tape.jsonl", "--set", "password=correct-horse", "--set", &other]);
    let told = "#[method]outgoing-request.set-path-with-query(2, \"/\")`, and the probe calls it with other arguments: of \
                number 2 `\"/\"` was recorded, and it is `\"/other\"` (its settings are not those that were recorded)";
    assert!(ended.stdout.contains(told), "{ended:?}");
}

#[test]
fn the_probe_postgres_is_replayed() {
    let authority = Authority::new("replayed");
    let Some(server) = Postgres::new(&authority, &["localhost"]) else { return };
    let home = Home::empty();
    let port = format!("port={}", server.port());
    for user in ["plain", "hashed", "scram"] {
        let user = format!("user={user}");
        let set = ["host=localhost", &port, &user, "password=correct-horse", "database=postgres", "sslmode=disable"];
        let arguments: Vec<_> = set.iter().flat_map(|set| ["--set", set]).collect();
        record_and_replay(&home, "postgres", &arguments, Some("correct-horse"));
    }
}

#[test]
fn the_probe_mainline_dht_is_replayed() {
    let Some(network) = Network::start() else { return };
    let home = Home::empty();
    let bootstrap = network.bootstrap().replace(" = ", "=");
    let arguments = ["--set", &bootstrap, "--set", "wait=200ms", "--allow", "udp:127.0.0.1:*", "--timeout", "10s"];
    let ready = Deadline::new();
    // Nodes take a moment to know of each other.
    while home.run(&[&["check", "mainline-dht"], &arguments[..]].concat()).code != Some(0) {
        ready.pause(|| "the nodes to keep a value".to_owned());
    }
    record_and_replay(&home, "mainline-dht", &arguments, None);
}

/// A home with a recording of the probe `tcp`, and what it is of.
fn recorded() -> (Home, Vec<Value>) {
    let home = Home::empty();
    let target = Target::greeting("ready\r\n");
    let port = format!("port={}", target.port());
    check(
        &home,
        0,
        &["tcp", "--set", "host=localhost", "--set", &port, "--set", "expect=ready", "--record", "tape.jsonl"],
    );
    let lines = lines(&home, "tape.jsonl");
    (home, lines)
}

fn put(home: &Home, lines: &[Value]) {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    home.put("changed.jsonl", text.as_bytes());
}

/// Where a function is called for the first time.
fn call(lines: &[Value], function: &str) -> usize {
    let is_it = |line: &Value| line["call"]["function"].as_str().is_some_and(|name| name.ends_with(function));
    lines.iter().position(is_it).unwrap_or_else(|| panic!("{function}: {lines:?}"))
}

#[test]
fn a_recording_that_was_changed_is_told_by_its_line() {
    let (home, lines) = recorded();
    let replay = |code, part: &str| {
        let ended = check(&home, code, &["tcp", "--replay", "changed.jsonl"]);
        assert!((ended.stdout.clone() + &ended.stderr).contains(part), "{part:?}: {ended:?}");
    };
    put(&home, &lines);
    replay(0, "healthy");

    // Another answer is another world: that is what recordings can be changed for.
    let mut other = lines.clone();
    let is_now = |line: &&mut Value| line["call"]["function"] == json!("wasi:clocks/monotonic-clock@0.2.12#now");
    let begun = other.iter_mut().find(is_now).unwrap()["call"]["result"].as_u64().unwrap();
    let last_look = other.iter_mut().rfind(is_now).unwrap();
    last_look["call"]["result"] = json!(begun + 7_000_000_000);
    put(&home, &other);
    replay(0, "latency: 7.0s");

    let looked_up = call(&lines, "#resolve-addresses");
    let place = format!("changed.jsonl: line {} of the recording", looked_up + 1);
    let mut other = lines.clone();
    other[looked_up]["call"]["arguments"][1] = json!("elsewhere");
    put(&home, &other);
    replay(3, &format!("{place} is `wasi:sockets/ip-name-lookup@0.2.12#resolve-addresses(1, \"elsewhere\")`"));
    other = lines.clone();
    other[looked_up]["call"]["result"] = json!({ "ok": "seven" });
    put(&home, &other);
    replay(3, &format!("{place} has no result that can be: \"seven\" is no resource's number"));
    other = lines.clone();
    other.remove(looked_up);
    put(&home, &other);
    replay(3, "and the probe calls `wasi:sockets/ip-name-lookup@0.2.12#resolve-addresses(1, \"localhost\")`");
    other = lines.clone();
    other.push(lines[looked_up].clone());
    put(&home, &other);
    replay(3, "is never done: the probe is through");

    let last = lines.len();
    put(&home, &lines[..last - 1]);
    replay(3, "this recording is incomplete");
    put(&home, &lines[1..]);
    replay(3, "this is no recording: its first line has no `recording`");
    let mut header = lines.clone();
    header[0]["recording"] = json!(2);
    put(&home, &header);
    replay(3, "this recording has the format 2, and this program reads 1");
    let text = fs::read_to_string(home.path("tape.jsonl")).unwrap();
    home.put("changed.jsonl", text.replacen("\"arguments\"", "\"args\"", 1).as_bytes());
    replay(3, "line 3: unknown field `args`");
    home.put("changed.jsonl", b"\x7fELF");
    replay(3, "this is no recording");
}

#[test]
fn a_recording_is_of_one_component() {
    let (home, lines) = recorded();
    let ended = check(&home, 3, &["udp", "--replay", "tape.jsonl"]);
    let digest = lines[0]["digest"].as_str().unwrap();
    let told = format!("tape.jsonl is a recording of `tcp` with the digest {digest}, and this component has ");
    assert!(ended.stderr.contains(&told), "{ended:?}");
    let ended = check(&home, 3, &["tcp", "--replay", "absent.jsonl"]);
    assert!(ended.stderr.contains("can't read absent.jsonl"), "{ended:?}");
    let ended = check(&home, 3, &["tcp", "--record", "x.jsonl"]);
    assert!(ended.stderr.contains("there is nothing to write to x.jsonl: the probe was not run"), "{ended:?}");
    assert!(ended.stdout.contains("invalid-settings") && !home.path("x.jsonl").exists(), "{ended:?}");
    for also in [["--repeat", "2"], ["--replay", "tape.jsonl"]] {
        let ended = check(&home, 3, &[&["tcp", "--record", "x.jsonl"], &also[..]].concat());
        assert!(ended.stderr.contains("cannot be used with"), "{ended:?}");
    }
}

#[test]
fn faults_and_refusals_come_out_the_same() {
    let home = Home::empty();
    home.put("dials.wasm", &guest::fixture("dials"));
    home.put("sleeps.wasm", &guest::fixture("sleeps"));
    home.put("traps.wasm", &guest::fixture("traps"));
    home.put("counts.wasm", &guest::fixture("counts"));
    home.put("says.wasm", &guest::command(1, "rather slow | a=1\n"));
    home.put("sockets.wasm", &guest::hostile("floods-sockets", &[]));
    let table: [(&[&str], i32); 7] = [
        (&["./dials.wasm"], 3),
        (&["./dials.wasm", "--allow", "tcp:127.0.0.1:1"], 2),
        (&["./sleeps.wasm", "--timeout", "300ms"], 3),
        (&["./traps.wasm"], 3),
        (&["./counts.wasm"], 0),
        (&["./says.wasm"], 1),
        (&["./sockets.wasm"], 3),
    ];
    for (arguments, code) in table {
        let recorded = check(&home, code, &[arguments, &["-o", "json", "--record", "tape.jsonl"]].concat());
        let plain = check(&home, code, &[arguments, &["-o", "json"]].concat());
        let replayed = check(&home, code, &[arguments, &["-o", "json", "--replay", "tape.jsonl"]].concat());
        let [recorded, plain, replayed] = [recorded, plain, replayed].map(|ended| said(&runs(&ended)[0]));
        assert_eq!(replayed, recorded, "{arguments:?}");
        // It costs the probe nothing to be recorded.
        assert_eq!((&plain["fault"], &plain["usage"]), (&recorded["fault"], &recorded["usage"]), "{arguments:?}");
    }
}

#[test]
fn a_secret_that_was_filled_in_comes_back_by_itself() {
    let home = Home::empty();
    let echo = Target::http(|request| {
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{request}", request.len())
    });
    home.put(
        "probity.toml",
        format!(
            "[[check]]\nname = \"echo\"\nprobe = \"http\"\n[check.settings]\nurl = \"http://127.0.0.1:{}/\"\n\
             headers = {{ x-id = \"${{env:SECRET}}\" }}\nexpect_body = [\"${{env:SECRET}}\"]\n",
            echo.port()
        )
        .as_bytes(),
    );
    let run = |more: &[&str], secret: &str| {
        let mut command = home.command(&[&["check", "echo", "--config", "probity.toml", "-o", "json"], more].concat());
        command.env("SECRET", secret);
        run_to_end(command)
    };
    let recorded = run(&["--record", "tape.jsonl"], "s3cr3t-w0rd");
    assert_eq!(recorded.code, Some(0), "{recorded:?}");
    let text = fs::read_to_string(home.path("tape.jsonl")).unwrap();
    assert!(
        !text.contains("s3cr3t-w0rd") && text.contains("${env:SECRET}") && text.contains("{\"$secret\":"),
        "{text}"
    );
    // Even what the server sent back is whole again, and whoever has another secret gets his own.
    for secret in ["s3cr3t-w0rd", "other-w0rds"] {
        let replayed = run(&["--replay", "tape.jsonl"], secret);
        assert_eq!(replayed.code, Some(0), "{replayed:?}");
        assert_eq!(said(&runs(&replayed)[0]), said(&runs(&recorded)[0]));
    }
}

#[test]
fn a_case_can_be_replayed_from_a_recording() {
    let home = Home::empty();
    let target = Target::greeting("ready\r\n");
    let settings = format!("settings = {{ host = \"127.0.0.1\", port = {} }}", target.port());
    let case =
        |more: &str| format!("probe = \"tcp\"\nrecording = \"ready.jsonl\"\n{more}\nexpect.status = \"healthy\"\n");
    home.put("ready.case.toml", case(&settings).as_bytes());
    let ended = home.run(&["test"]);
    assert!(ended.code == Some(3) && ended.stderr.contains("can't read ./ready.jsonl"), "{ended:?}");
    let ended = home.run(&["test", "--record"]);
    assert!(ended.code == Some(0) && ended.stdout.ends_with("1 passed, 0 failed\n"), "{ended:?}");
    drop(target);
    let ended = home.run(&["test"]);
    assert!(ended.code == Some(0) && ended.stdout.ends_with("1 passed, 0 failed\n"), "{ended:?}");
    // What it does not say of the settings is as it was recorded.
    home.put("ready.case.toml", case("").as_bytes());
    assert_eq!(home.run(&["test"]).code, Some(0));
    home.put("ready.case.toml", case("settings.port = 1").as_bytes());
    let ended = home.run(&["test"]);
    assert!(ended.code == Some(1) && ended.stdout.contains("found unknown (./ready.jsonl: line "), "{ended:?}");
    home.put("ready.case.toml", case("target.door.refuse = true").as_bytes());
    let ended = home.run(&["test"]);
    assert!(ended.code == Some(3) && ended.stderr.contains("stands in the place of all targets"), "{ended:?}");
}
