//! A server that is not ours, frozen, killed and started again.

use crate::{
    runner::{BRISK, Home},
    servers,
};

#[test]
fn a_server_is_watched_through_freeze_crash_and_return() {
    let Some(mut server) = servers::python(servers::folder()) else { return };
    let port = server.port();
    let config = format!(
        "{BRISK}[[check]]\nname = \"site\"\nprobe = \"http\"\ncritical = true\ntimeout = \"1s\"\n\
         settings = {{ url = \"http://127.0.0.1:{port}/\" }}\n\
         [check.connection]\nfall = 1\nreconnect_delay = \"200ms\"\nreconnect_multiplier = 1.0\n"
    );
    let runner = Home::new(&config).start();
    runner.wait_for_check("site", "is well", |check| check.status() == "healthy" && check.state() == "CONNECTED");

    // A frozen server accepts connections and answers nothing: that is a verdict, and no fault of the probe's.
    server.freeze();
    runner.wait_for_verdict("site", "unhealthy", "no answer within");
    assert_eq!(runner.get("/health").status, 503);
    server.thaw();
    runner.wait_for_check("site", "is well again", |check| check.status() == "healthy" && check.state() == "CONNECTED");

    server.kill();
    runner.wait_for_verdict("site", "unhealthy", "connection refused");
    server.restart();
    runner.wait_for_check("site", "is back", |check| check.status() == "healthy" && check.state() == "CONNECTED");

    // All of it has been counted.
    let stats = runner.json("/connections/site/stats");
    assert_eq!((&stats["totalConnections"], &stats["totalReconnections"]), (&3.into(), &2.into()), "{stats}");
    assert!(stats["totalFailures"].as_u64() >= Some(2) && stats["failedHealthChecks"].as_u64() >= Some(2), "{stats}");
    assert!(stats["healthCheckSuccessRate"].as_str().unwrap().ends_with('%'), "{stats}");
    assert!(stats["uptime"].as_u64() > Some(0), "{stats}");
    runner.stop();
}
