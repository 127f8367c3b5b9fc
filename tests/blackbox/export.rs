//! `probity export`: what a runner has kept, written out.

use serde_json::Value;

use crate::{
    guest,
    runner::{BRISK, Home},
};

#[test]
fn what_was_kept_is_written_out_once_its_runner_is_gone() {
    let home = Home::new(BRISK);
    home.drop_in("a", &guest::saying("hello, \"you\""));
    home.drop_in("b", &guest::verdict(2, "down"));
    let runner = home.start();
    runner.wait_for_runs("a", 3);
    runner.wait_for_runs("b", 1);
    let export = |home: &Home, arguments: &[&str]| home.run(&[&["export", "--data-dir", "state"], arguments].concat());
    let refused = export(&runner.home, &[]);
    assert_eq!(refused.code, Some(3), "{refused:?}");
    assert!(refused.stderr.contains(&format!("process id {}", runner.id())), "{refused:?}");
    assert!(refused.stderr.contains("--url http://") && !refused.stderr.contains("--ephemeral"), "{refused:?}");
    // But whoever asks the runner itself is told.
    runner
        .wait_for_json("/health/checks/a/history", "three results", |it| it["results"].as_array().unwrap().len() >= 3);
    let asked = runner.home.run(&["export", "a", "--url", &runner.url(""), "--format", "jsonl"]);
    assert_eq!(asked.code, Some(0), "{asked:?}");
    let home = runner.stop();

    let csv = export(&home, &[]);
    assert_eq!((csv.code, csv.stderr.as_str()), (Some(0), ""), "{csv:?}");
    let lines: Vec<&str> = csv.stdout.split_terminator("\r\n").collect();
    let header =
        "check,number,started,took,latency,status,health,fault,message,generation,reported,fuel,peak_memory,phases";
    assert_eq!(lines[0], header);
    assert!(
        lines[1].starts_with("a,1,") && lines[1].contains(",healthy,healthy,,\"hello, \"\"you\"\"\",1,false,"),
        "{csv:?}"
    );
    assert!(lines.iter().any(|line| line.starts_with("b,1,") && line.contains(",unhealthy,")), "{csv:?}");

    let jsonl = export(&home, &["a", "--format", "jsonl"]);
    let rows: Vec<Value> = jsonl.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let numbers: Vec<u64> = rows.iter().map(|row| row["number"].as_u64().unwrap()).collect();
    assert!(numbers.len() >= 3, "{jsonl:?}");
    assert!(asked.stdout.lines().count() >= 3 && jsonl.stdout.starts_with(&asked.stdout), "{asked:?} {jsonl:?}");
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>(), "the oldest first");
    assert_eq!((&rows[0]["check"], &rows[0]["message"]), (&"a".into(), &"hello, \"you\"".into()));
    let from = rows[1]["started"].as_str().unwrap();
    let to = rows[2]["started"].as_str().unwrap();
    let between = export(&home, &["a", "--format", "jsonl", "--from", from, "--to", to]);
    assert_eq!(between.stdout.lines().count(), 1, "{between:?}");

    let unknown = export(&home, &["c"]);
    assert_eq!(unknown.code, Some(3));
    assert!(unknown.stderr.contains("nothing is kept of a check `c`; there are a, b"), "{unknown:?}");
    let astray = export(&home, &["--token-file", "token.txt"]);
    assert!(astray.code == Some(3) && astray.stderr.contains("name the runner that does by --url"), "{astray:?}");
    let nothing = home.run(&["export", "--data-dir", "elsewhere"]);
    assert!(nothing.code == Some(3) && nothing.stderr.contains("elsewhere/history holds no history"), "{nothing:?}");
    assert!(!home.path("elsewhere").exists(), "who looks makes nothing");
    // And whoever looked took nothing away.
    let runner = home.start();
    runner.wait_for_check("a", "goes on", |check| check.runs() > numbers.len() as u64);
}
