//! What describes the program: help, manual pages, completions and schemas.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::{
    guest,
    runner::{Home, run_to_end},
    servers,
};

/// The commands that the help lists.
fn commands(home: &Home) -> Vec<String> {
    let help = home.run(&["--help"]);
    let listed = help.stdout.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let names = listed.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names: Vec<String> = names.map(|line| line.split_whitespace().next().unwrap().to_owned()).collect();
    assert!(names.len() > 10, "{names:?}");
    names.into_iter().filter(|name| name != "help").collect()
}

#[test]
fn every_command_has_examples_and_a_page() {
    let home = Home::empty();
    for command in commands(&home) {
        let help = home.run(&[&command, "--help"]);
        assert_eq!(help.code, Some(0), "{help:?}");
        let examples =
            help.stdout.split("Examples:\n").nth(1).unwrap_or_else(|| panic!("no examples: {}", help.stdout));
        for line in examples.lines() {
            assert!(line.starts_with("  ") && line.contains("probity"), "{command}: {line:?}");
        }
        assert!(!help.stdout.contains('\x1b'), "colours for nobody: {help:?}");
        let page = home.run(&["man", &command]);
        assert_eq!(page.code, Some(0), "{page:?}");
        assert!(page.stdout.contains(&format!(".TH probity-{command} 1")), "{page:?}");
        assert!(page.stdout.contains("Examples:"), "{page:?}");
    }
    let help = home.run(&["--help"]);
    assert!(help.stdout.contains("Examples:\n  probity\n"), "{help:?}");
    let page = home.run(&["man"]);
    assert_eq!(page.code, Some(0), "{page:?}");
    assert!(page.stdout.contains(".TH probity 1"), "{page:?}");
    assert!(!page.stdout.contains("compile\\-component"), "what is not for people: {page:?}");
    let ended = home.run(&["man", "no-such-command"]);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.stderr.contains("there is no command `no-such-command`; there are run, check, "), "{ended:?}");
}

#[test]
fn shells_can_complete() {
    let home = Home::empty();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let ended = home.run(&["completions", shell]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(ended.stdout.contains("probity") && ended.stdout.contains("validate"), "{ended:?}");
        assert!(!ended.stdout.contains("compile-component"), "what is not for people: {ended:?}");
    }
    std::fs::write(home.path("completions"), home.run(&["completions", "bash"]).stdout).unwrap();
    let Some(bash) = servers::find("bash") else { return };
    let mut complete = Command::new(bash);
    let script = "source completions; COMP_WORDS=(probity che); COMP_CWORD=1; _probity probity che probity; echo ${COMPREPLY[@]}";
    complete.current_dir(home.path(".")).args(["--norc", "-c", script]);
    let completed = run_to_end(complete);
    assert_eq!((completed.code, completed.stdout.as_str()), (Some(0), "check\n"), "{completed:?}");
}

#[test]
fn the_events_are_described_for_programs() {
    let home = Home::empty();
    let schema: Value = serde_json::from_str(&home.run(&["schema", "events"]).stdout).unwrap();
    assert_eq!(schema["properties"]["specversion"]["const"], "1.0");
    let types = schema["properties"]["type"]["enum"].as_array().unwrap();
    assert!(types.contains(&"probity.state-change".into()), "{types:?}");
    assert_eq!(schema["oneOf"].as_array().unwrap().len(), types.len());
}

#[test]
fn who_reads_no_further_is_no_failure() {
    let home = Home::empty();
    let mut process =
        home.command(&["schema", "config"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(process.stdout.take());
    let ended = process.wait_with_output().unwrap();
    assert_eq!((ended.status.code(), &*ended.stderr), (Some(0), &b""[..]));
}

#[test]
fn colours_are_for_terminals_and_for_who_wants_them() {
    let home = Home::empty();
    home.put("healthy.wasm", &guest::saying("well"));
    let ended = home.run(&["check", "./healthy.wasm"]);
    assert!(!ended.stdout.contains('\x1b'), "{ended:?}");
    // It gives a program a terminal of its own (util-linux).
    let Some(script) = servers::find("script") else { return };
    for (no_color, coloured) in [(None, true), (Some(""), true), (Some("1"), false)] {
        let probity = home.command(&[]);
        let mut on_terminal = Command::new(&script);
        on_terminal.current_dir(home.path(".")).env_remove("NO_COLOR").env("TERM", "xterm").stdin(Stdio::null());
        on_terminal.envs(no_color.map(|value| ("NO_COLOR", value)));
        let check = format!("{} check ./healthy.wasm", probity.get_program().display());
        on_terminal.args(["--quiet", "--return", "--command", &check, "/dev/null"]);
        let ended = run_to_end(on_terminal);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert_eq!(ended.stdout.contains("\x1b[32mhealthy\x1b[0m: well"), coloured, "{no_color:?}: {ended:?}");
        assert_eq!(ended.stdout.contains("\x1b["), coloured, "{no_color:?}: {ended:?}");
    }
}
