//! When checks run, and how a check lives with a target that comes and goes.

use std::time::Instant;

use crate::{
    guest,
    runner::{BRISK, Home},
    target::{Target, freeze, greet},
};

#[test]
fn a_check_keeps_its_pace() {
    let home = Home::new("[defaults]\ninterval = \"200ms\"\njitter = 0.0\n");
    home.drop_in("a", &guest::saying("hello"));
    let runner = home.start();
    runner.wait_for_message("a", "hello");
    let (begun, before) = (Instant::now(), runner.check("a").unwrap().runs());
    let runs = runner.wait_for_runs("a", 10).runs() - before;
    // It may be late on a busy machine, and is never early: ten intervals lie between eleven runs.
    let most = begun.elapsed().as_millis() / 200 + 1;
    assert!(u128::from(runs) <= most, "{runs} runs, where there should be {most} at the most");
    assert_eq!(runner.check("a").unwrap().0["schedule"], "every 200ms");
    runner.stop();
}

#[test]
fn a_check_by_the_calendar_runs_each_second() {
    let home = Home::new("[[check]]\nname = \"a\"\ncron = \"* * * * * *\"\ntimezone = \"Europe/Stockholm\"\n");
    home.drop_in("a", &guest::saying("hello"));
    let runner = home.start();
    runner.wait_for_message("a", "hello");
    let (begun, before) = (Instant::now(), runner.check("a").unwrap().runs());
    let runs = runner.wait_for_runs("a", 4).runs() - before;
    let most = begun.elapsed().as_secs() + 1;
    assert!(runs <= most, "{runs} runs, where there should be {most} at the most");
    runner.stop();
}

#[test]
fn a_frozen_target_is_unhealthy_and_no_fault() {
    let target = Target::tcp(freeze);
    let config = format!(
        "{BRISK}timeout = \"2s\"\n[[check]]\nname = \"door\"\nprobe = \"tcp\"\n\
         settings = {{ host = \"127.0.0.1\", port = {}, send = \"PING\\r\\n\", expect = \"PONG\" }}\n",
        target.port()
    );
    let runner = Home::new(&config).start();
    // A probe gives up a little before its time is over, and then it is the target that was too slow. (Where the machine
    // itself freezes in that moment, a run of many may be a fault.)
    let check = runner.wait_for_check("door", "is found frozen", |check| check.count("unhealthy") >= 2);
    assert_eq!(check.status(), "unhealthy");
    assert!(check.0["results"].to_string().contains("did not answer within 1.9"), "{:#}", check.0);
    runner.stop();
}

#[test]
fn a_lost_target_is_reconnected_to() {
    let target = Target::greeting("hello");
    let address = target.address;
    let config = format!(
        "{BRISK}connection = {{ fall = 2, fast_interval = \"100ms\", reconnect_delay = \"50ms\", max_reconnect_delay = \"200ms\" }}\n\
         [[check]]\nname = \"door\"\nprobe = \"tcp\"\ncritical = true\nsettings = {{ host = \"127.0.0.1\", port = {} }}\n",
        address.port()
    );
    let runner = Home::new(&config).start();
    runner.wait_for_check("door", "is connected", |check| check.state() == "CONNECTED");
    runner.wait_for_status("healthy");

    drop(target);
    let lost = runner.wait_for_check("door", "is lost", |check| check.state() == "RECONNECTING");
    assert_eq!(lost.status(), "unhealthy");
    assert!(lost.message().contains("connection refused"), "{}", lost.message());
    runner.wait_for_status("unhealthy");
    runner.wait_for_check("door", "is looked for", |check| check.0["attempts"].as_u64() > Some(2));

    let _target = Target::tcp_at(address, greet("back again"));
    let found = runner.wait_for_check("door", "is found again", |check| check.state() == "CONNECTED");
    assert_eq!(found.status(), "healthy");
    runner.wait_for_status("healthy");
    for line in ["CONNECTED -> RECONNECTING", "RECONNECTING -> CONNECTED"] {
        runner.wait_for_log(line);
    }
    runner.stop();
}

#[test]
fn a_target_that_is_given_up_is_failed_until_it_is_back() {
    let target = Target::greeting("hello");
    let address = target.address;
    let config = format!(
        "{BRISK}connection = {{ fall = 1, reconnect_delay = \"20ms\", max_reconnect_attempts = 2, down_interval = \"200ms\" }}\n\
         [[check]]\nname = \"door\"\nprobe = \"tcp\"\nsettings = {{ host = \"127.0.0.1\", port = {} }}\n",
        address.port()
    );
    let runner = Home::new(&config).start();
    runner.wait_for_check("door", "is connected", |check| check.state() == "CONNECTED");
    drop(target);
    runner.wait_for_check("door", "is given up", |check| check.state() == "FAILED");
    runner.wait_for_log("gave up after 2 attempts");
    // It is not critical, so the whole is no worse than degraded.
    runner.wait_for_status("degraded");
    let _target = Target::tcp_at(address, greet("back again"));
    runner.wait_for_check("door", "is found again", |check| check.state() == "CONNECTED");
    runner.stop();
}
