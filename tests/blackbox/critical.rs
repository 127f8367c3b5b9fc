//! What a runner does when a critical check fails.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};

use crate::{
    guest,
    runner::{BRISK, Check, Home, Runner},
};

/// A runner with a critical check that is well, and one that is not and does not matter.
fn runner(reaction: &str) -> Runner {
    let home = Home::new(&format!("health.on_critical_failure = {reaction}\n{BRISK}connection = {{ fall = 1 }}\n"));
    home.drop_in("vital", &guest::saying("all is well"));
    home.put("probes.d/vital.toml", b"[[check]]\ncritical = true\ngroup = \"heart\"\n");
    home.drop_in("minor", &guest::verdict(2, "nobody cares"));
    let runner = home.start();
    runner.wait_for_check("vital", "is well and critical", is_well_and_critical);
    runner.wait_for_check("minor", "fails", |check| check.status() == "unhealthy");
    runner
}

/// What is written beside a component may be read after it has run.
fn is_well_and_critical(check: &Check) -> bool {
    check.message() == "all is well" && check.0["critical"] == true
}

fn fail(runner: &Runner) {
    runner.home.drop_in("vital", &guest::verdict(2, "the heart stands still"));
}

#[test]
fn it_is_shown_and_nothing_more_unless_the_operator_says_otherwise() {
    let runner = runner("\"report\"");
    fail(&runner);
    let health = runner.wait_for_status("unhealthy");
    assert_eq!(health["message"], "vital is failing and critical; minor is failing");
    runner.stop();
}

#[test]
fn it_ends_the_runner_in_good_order_with_a_code_of_its_own() {
    let mut runner = runner("\"shutdown\"");
    fail(&runner);
    assert_eq!(runner.wait_for_exit().code(), Some(4), "{}", runner.log());
    runner.wait_for_log("stopping, as vital is critical and fails: the heart stands still");
    runner.wait_for_log("stopped");
}

#[test]
fn it_ends_the_runner_also_if_it_was_so_from_the_start() {
    let home = Home::new(&format!("health.on_critical_failure = \"shutdown\"\n{BRISK}critical = true\n"));
    home.drop_in("vital", &guest::verdict(2, "the heart stands still"));
    let mut runner = home.start();
    assert_eq!(runner.wait_for_exit().code(), Some(4), "{}", runner.log());
}

#[test]
fn runs_under_way_have_their_time_to_end() {
    let home = Home::new(&format!("health.on_critical_failure = \"shutdown\"\n{BRISK}connection = {{ fall = 1 }}\n"));
    home.drop_in("vital", &guest::saying("all is well"));
    home.put("probes.d/vital.toml", b"[[check]]\ncritical = true\n");
    home.drop_in("slow", &guest::fixture("slow"));
    let mut runner = home.start();
    runner.wait_for_check("vital", "is well and critical", is_well_and_critical);
    runner.wait_for_check("slow", "is under way", |check| check.state() == "CONNECTING");
    fail(&runner);
    runner.wait_for_json("/health", "stopping", |health| health["status"] == "stopping");
    assert_eq!(runner.get("/readyz").status, 503);
    assert_eq!(runner.wait_for_exit().code(), Some(4), "{}", runner.log());
    runner.wait_for_log("slow, but sure");
}

#[test]
fn a_program_is_run_that_is_told_what_failed() {
    let script = r#"["/bin/sh", "-c", "echo \"$PROBITY_CHECK|$PROBITY_GROUP|$PROBITY_MESSAGE|$PROBITY_NODE_ID|$1\" >> told; echo it was told", "-", "a b"]"#;
    let runner = runner(&format!("{script}\nnode_id = \"node-7\""));
    let told = runner.home.path("told");
    let lines = || fs::read_to_string(&told).unwrap_or_default();
    fail(&runner);
    runner.wait_for("the program to have run", || if lines().ends_with('\n') { Ok(()) } else { Err(lines()) });
    assert_eq!(lines(), "vital|heart|the heart stands still|node-7|a b\n");
    runner.wait_for_log("vital failed, and /bin/sh was run");
    runner.wait_for_log("it was told");

    // It is run for each failure, and not for each run that fails; and the runner goes on.
    runner.wait_for_runs("vital", 3);
    assert_eq!(lines().lines().count(), 1);
    runner.home.drop_in("vital", &guest::saying("all is well"));
    runner.wait_for_message("vital", "all is well");
    fail(&runner);
    runner.wait_for("the program to run again", || if lines().lines().count() == 2 { Ok(()) } else { Err(lines()) });
    runner.stop();
}

#[test]
fn a_program_that_can_not_be_run_or_fails_is_told_of_and_harms_nothing() {
    for (program, log) in [
        ("[\"/nonexistent/program\"]", "`on_critical_failure` can't be run: /nonexistent/program: No such file"),
        ("[\"/bin/false\"]", "vital failed, and so did /bin/false: exit status: 1"),
    ] {
        let runner = runner(program);
        fail(&runner);
        runner.wait_for_log(log);
        runner.stop();
    }
}

#[test]
fn what_is_to_happen_may_change_while_the_runner_runs() {
    let mut runner = runner("\"report\"");
    fail(&runner);
    runner.wait_for_status("unhealthy");
    let config = fs::read_to_string(runner.home.path("probity.toml")).unwrap();
    runner.home.put("probity.toml", config.replace("\"report\"", "\"shutdown\"").as_bytes());
    runner.wait_for_log("probity.toml was read again");
    assert_eq!(runner.get("/livez").status, 200, "what failed before is no new failure");
    runner.home.drop_in("vital", &guest::saying("all is well"));
    runner.wait_for_message("vital", "all is well");
    fail(&runner);
    assert_eq!(runner.wait_for_exit().code(), Some(4), "{}", runner.log());
}

#[test]
fn a_stop_does_not_wait_for_a_program_under_way() {
    let mut runner = runner("[\"/bin/sh\", \"-c\", \"echo $$ > program; echo begun; exec sleep 600\"]");
    fail(&runner);
    runner.wait_for_log("begun");
    runner.signal(Signal::TERM);
    assert_eq!(runner.wait_for_exit().code(), Some(0), "{}", runner.log());
    // It is the operator's, and goes on; the test has no more use for it.
    let program: i32 = fs::read_to_string(runner.home.path("program")).unwrap().trim().parse().unwrap();
    kill_process(Pid::from_raw(program).unwrap(), Signal::KILL).unwrap();
}
