//! `probity check`: the ways in which it says what came of the runs, and the checks of a configuration.

use std::{fs, process::Command};

use serde_json::{Value, json};

use crate::{
    guest,
    runner::{Ended, Home, run_to_end},
    servers,
    target::{Target, nobody},
};

/// A home with components of all kinds.
fn home() -> Home {
    let home = Home::new("");
    home.put("healthy.wasm", &guest::saying("all <is> \"well\" | & good"));
    home.put("degraded.wasm", &guest::verdict(1, "rather slow"));
    home.put("unhealthy.wasm", &guest::verdict(2, "not at all well"));
    home.put("traps.wasm", &guest::fixture("traps"));
    home.put("dials.wasm", &guest::fixture("dials"));
    home.put("counts.wasm", &guest::fixture("counts"));
    home
}

#[track_caller]
fn check(home: &Home, code: i32, arguments: &[&str]) -> Ended {
    let ended = home.run(&[&["check"], arguments].concat());
    assert_eq!(ended.code, Some(code), "{arguments:?}: {ended:?}");
    ended
}

#[track_caller]
fn json_of(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

#[test]
fn json_has_all_there_is_to_know() {
    let home = home();
    let target = Target::greeting("ready\r\n");
    let port = format!("port={}", target.port());
    let tcp = ["tcp", "--set", "host=localhost", "--set", &port, "--set", "expect=ready", "-o", "json"];
    let told = json_of(&check(&home, 0, &tcp));
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&told), ["check", "probe", "digest", "timeout", "exit_code", "runs"]);
    assert_eq!((&told["check"], &told["probe"], &told["exit_code"]), (&json!("tcp"), &json!("tcp"), &json!(0)));
    assert_eq!(told["timeout"], json!(5_000_000_000_u64));
    let run = &told["runs"][0];
    let expected = [
        "started",
        "took",
        "status",
        "fault",
        "message",
        "latency",
        "permanent",
        "details",
        "measurements",
        "usage",
        "calls",
        "missing",
        "denied",
    ];
    assert_eq!(keys(run), expected);
    assert_eq!((&run["status"], &run["fault"]), (&json!("healthy"), &Value::Null));
    assert_eq!(run["details"]["address"], json!(format!("127.0.0.1:{}", target.port())));
    assert!(run["measurements"].as_array().unwrap().iter().any(|one| one["name"] == "connect" && one["unit"] == "s"));
    assert!(run["usage"]["fuel"].as_u64().unwrap() > 0 && run["took"].as_u64().unwrap() > 0, "{run}");
    let mut calls = run["calls"].clone();
    // A name may have an address that nobody listens at.
    assert!((1..=2).contains(&calls["connections"].take().as_u64().unwrap()), "{run}");
    let counted = json!({ "lookups": 1, "connections": null, "requests": 0, "bytes_sent": 0, "bytes_received": 7 });
    assert_eq!(calls, counted, "{run}");

    let told = json_of(&check(&home, 3, &["./traps.wasm", "-o", "json"]));
    assert_eq!((&told["runs"][0]["status"], &told["runs"][0]["fault"]), (&json!("unknown"), &json!("trap")));
}

#[test]
fn requests_are_counted_with_all_that_goes_over_them() {
    let home = home();
    let page = Target::http(|_| "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello".to_owned());
    let url = format!("url=http://127.0.0.1:{}/", page.port());
    let calls = json_of(&check(&home, 0, &["http", "--set", &url, "-o", "json"]))["runs"][0]["calls"].clone();
    assert_eq!((&calls["requests"], &calls["connections"], &calls["lookups"]), (&json!(1), &json!(1), &json!(0)));
    assert!(calls["bytes_sent"].as_u64().unwrap() > 20 && calls["bytes_received"].as_u64().unwrap() > 60, "{calls}");
}

#[test]
fn what_was_refused_comes_with_what_would_allow_it() {
    let home = home();
    let ended = check(&home, 3, &["./dials.wasm"]);
    let line =
        "not granted: tcp:127.0.0.1:1; add --allow tcp:127.0.0.1:1, or to the check: allow = [\"tcp:127.0.0.1:1\"]\n";
    assert!(ended.stdout.ends_with(line), "{ended:?}");
    let run = json_of(&check(&home, 3, &["./dials.wasm", "-o", "json"]))["runs"][0].clone();
    assert_eq!((&run["missing"], &run["denied"]), (&json!(["tcp:127.0.0.1:1"]), &json!([])));
    assert_eq!(run["calls"]["connections"], json!(0));
    let run =
        json_of(&check(&home, 2, &["./dials.wasm", "-o", "json", "--allow", "tcp:127.0.0.1:1"]))["runs"][0].clone();
    assert_eq!((&run["missing"], &run["calls"]["connections"]), (&json!([]), &json!(1)));
}

#[test]
fn several_runs_end_with_the_worst() {
    let home = home();
    let ended = check(&home, 0, &["./healthy.wasm", "--repeat", "3"]);
    assert!(ended.stdout.contains("\n3 runs: 3 healthy; took "), "{ended:?}");
    let told = json_of(&check(&home, 1, &["./degraded.wasm", "--repeat", "2", "-o", "json"]));
    assert_eq!(told["runs"].as_array().unwrap().len(), 2);
    // Each finds what the one before has left.
    let told = json_of(&home.run(&["check", "./counts.wasm", "--repeat", "3", "-o", "json"]));
    let messages: Vec<_> = told["runs"].as_array().unwrap().iter().map(|run| run["message"].clone()).collect();
    assert!(messages[0] != messages[1] && messages[1] != messages[2], "{messages:?}");
    assert_eq!(home.run(&["check", "tcp", "--repeat", "0"]).code, Some(3));
}

#[test]
fn nagios_gets_one_line_with_performance_data() {
    let home = home();
    let table: [(&[&str], i32, &str); 4] = [
        (&["./healthy.wasm"], 0, "HEALTHY OK - all <is> \"well\" / & good | time=0."),
        (&["./degraded.wasm"], 1, "DEGRADED WARNING - rather slow | time=0."),
        (&["./unhealthy.wasm"], 2, "UNHEALTHY CRITICAL - not at all well | time=0."),
        (&["./traps.wasm"], 3, "TRAPS UNKNOWN - trap: the probe crashed"),
    ];
    for (arguments, code, said) in table {
        let ended = check(&home, code, &[arguments, &["-o", "nagios"]].concat());
        assert!(ended.stdout.starts_with(said), "{ended:?}");
        assert_eq!(ended.stdout.matches(['\n', '|']).count(), 2, "{ended:?}");
    }
    let target = Target::greeting("ready");
    let port = format!("port={}", target.port());
    let ended = check(&home, 0, &["tcp", "--set", "host=127.0.0.1", "--set", &port, "-o", "nagios"]);
    let (_, data) = ended.stdout.trim_end().split_once(" | ").unwrap();
    for data in data.split(' ') {
        let (label, value) = data.split_once('=').unwrap();
        let number = value.split(';').next().unwrap().trim_end_matches(['s', 'B']);
        assert!(number.parse::<f64>().is_ok(), "{label}: {value}");
    }
    assert!(data.contains(" 'connect'=") && data.contains("memory=") && data.contains("fuel="), "{data}");
}

#[test]
fn junit_is_well_formed_whatever_a_probe_says() {
    let home = home();
    let table: [(&[&str], i32, &str); 4] = [
        (&["./healthy.wasm", "--repeat", "2"], 0, "tests=\"2\" failures=\"0\" errors=\"0\" skipped=\"0\""),
        (&["./degraded.wasm"], 1, "tests=\"1\" failures=\"0\" errors=\"0\""),
        (&["./unhealthy.wasm"], 2, "<failure type=\"unhealthy\" message=\"not at all well\"/>"),
        (&["./traps.wasm"], 3, "<error type=\"trap\" message=\"the probe crashed"),
    ];
    for (arguments, code, part) in table {
        let ended = check(&home, code, &[arguments, &["-o", "junit"]].concat());
        assert!(ended.stdout.contains(part), "{ended:?}");
        let Some(python) = servers::find("python3") else { continue };
        fs::write(home.path("junit.xml"), &ended.stdout).unwrap();
        let mut read = Command::new(python);
        let script = "import xml.etree.ElementTree as x\n\
                      r = x.parse('junit.xml').getroot()\n\
                      print(r.tag, len(r.findall('./testsuite/testcase')), r.findtext('.//system-out'))";
        read.current_dir(home.path(".")).args(["-c", script]);
        let read = run_to_end(read);
        assert_eq!(read.code, Some(0), "{read:?}");
        assert!(read.stdout.starts_with("testsuites "), "{read:?}");
        assert!(code != 0 || read.stdout.contains("2 healthy: all <is> \"well\" | & good"), "{read:?}");
    }
}

#[test]
fn prometheus_takes_the_metrics() {
    let home = home();
    let target = Target::greeting("ready");
    let port = format!("port={}", target.port());
    let tcp: &[&str] = &["tcp", "--set", "host=127.0.0.1", "--set", &port, "--repeat", "2"];
    for (arguments, code, part) in [
        (tcp, 0, "probity_check_status{check=\"tcp\",probe=\"tcp\",status=\"healthy\"} 1\n"),
        (tcp, 0, "probity_check_run_results{check=\"tcp\",status=\"healthy\"} 2\n"),
        (&["./traps.wasm"], 3, "probity_check_status{check=\"traps\",probe=\"traps\",status=\"unknown\"} 1\n"),
    ] {
        let ended = check(&home, code, &[arguments, &["-o", "prometheus"]].concat());
        assert!(ended.stdout.contains(part), "{ended:?}");
        let Some(promtool) = servers::find("promtool") else { continue };
        fs::write(home.path("metrics"), &ended.stdout).unwrap();
        let mut judge = Command::new(promtool);
        judge.args(["check", "metrics"]).stdin(fs::File::open(home.path("metrics")).unwrap());
        let judged = run_to_end(judge);
        assert_eq!((judged.code, &*judged.stderr, &*judged.stdout), (Some(0), "", ""), "{}", ended.stdout);
    }
}

#[test]
fn a_check_of_a_configuration_is_run_as_it_is_written() {
    let home = home();
    let closed = nobody();
    let target = Target::greeting("ready");
    let config = format!(
        "[defaults]\ntimeout = \"3s\"\n[security.network]\ndeny = [\"10.0.0.0/8\"]\n\
         [[check]]\nname = \"door\"\nprobe = \"tcp\"\nsettings = {{ host = \"127.0.0.1\", port = {} }}\n\
         [[check]]\nname = \"inner\"\nprobe = \"dropped\"\ntimeout = \"2s\"\n\
         [[check]]\nname = \"far\"\nprobe = \"tcp\"\nsettings = {{ host = \"10.0.0.7\", port = 1 }}\n",
        target.port()
    );
    home.put("probity.toml", config.as_bytes());
    home.drop_in("dropped", &guest::fixture("dials"));
    home.drop_in("alone", &guest::saying("alone and well"));
    home.drop_in("aside", &guest::saying("aside"));
    home.put("probes.d/aside.toml", b"[[check]]\nname = \"beside\"\n");
    let run = |code: i32, name: &str, more: &[&str]| {
        let ended = check(&home, code, &[&[name, "--config", "probity.toml", "-o", "json"], more].concat());
        json_of(&ended)
    };
    let door = run(0, "door", &[]);
    assert_eq!((&door["probe"], &door["timeout"]), (&json!("tcp"), &json!(3_000_000_000_u64)));
    assert_eq!(run(0, "alone", &[])["runs"][0]["message"], json!("alone and well"));
    assert_eq!(run(0, "beside", &[])["probe"], json!("aside"));
    let inner = run(3, "inner", &[]);
    assert_eq!((&inner["probe"], &inner["timeout"]), (&json!("dropped"), &json!(2_000_000_000_u64)));
    assert_eq!(inner["runs"][0]["missing"], json!(["tcp:127.0.0.1:1"]));
    // The command line goes on top.
    let inner = run(2, "inner", &["--allow", "tcp:127.0.0.1:1", "--timeout", "4s"]);
    assert_eq!(inner["timeout"], json!(4_000_000_000_u64));
    assert_eq!(run(3, "door", &["--fuel", "10"])["runs"][0]["fault"], json!("out-of-fuel"));
    let far = run(3, "far", &[]);
    assert_eq!(far["runs"][0]["denied"], json!(["10.0.0.7 (10.0.0.0/8)"]));

    let ended = check(&home, 3, &["absent", "--config", "probity.toml"]);
    let told = "probity.toml has no check `absent`; there are door, inner, far, beside, alone";
    assert!(ended.stderr.contains(told), "{ended:?}");
    let ended = check(&home, 3, &["door", "--config", "probity.toml", "--set", "port=1"]);
    let told = "`--set` is for probes: the check `door` has its settings at probity.toml:5";
    assert!(ended.stderr.contains(told), "{ended:?}");
    // A component is run as if it were one of the folder's.
    let own = run(3, "tcp", &["--set", "host=10.0.0.7", "--set", "port=1"]);
    assert_eq!((&own["timeout"], &own["runs"][0]["denied"]), (&json!(3_000_000_000_u64), &far["runs"][0]["denied"]));
    assert_eq!(run(3, "./traps.wasm", &["--timeout", "9s"])["timeout"], json!(9_000_000_000_u64));
    home.put("probity.toml", config.replace("deny", "dney").as_bytes());
    let ended = check(&home, 3, &["door", "--config", "probity.toml"]);
    assert!(ended.stderr.contains("probity.toml:4: unknown key `dney`"), "{ended:?}");
    drop((closed, target));
}
