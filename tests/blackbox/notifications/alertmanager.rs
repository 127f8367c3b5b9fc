//! The real Alertmanager, which groups, routes and tells by itself.

use std::process::Command;

use serde_json::Value;

use super::{check, listening_at, silent_port};
use crate::{
    runner::{BRISK, Home},
    servers::{self, Server},
};

#[test]
fn alertmanager_has_an_alert_as_long_as_there_is_trouble() {
    let Some(program) = servers::find("prometheus-alertmanager") else { return };
    let folder = servers::folder();
    std::fs::write(folder.path().join("config.yml"), "route:\n  receiver: nobody\nreceivers:\n  - name: nobody\n")
        .unwrap();
    let port = servers::free_port();
    let server = Server::start(folder, port, move |folder| {
        let mut command = Command::new(&program);
        command.arg(format!("--config.file={}", folder.join("config.yml").display()));
        command.arg(format!("--storage.path={}", folder.join("data").display()));
        command.args([&format!("--web.listen-address=127.0.0.1:{port}"), "--cluster.listen-address="]);
        command
    });
    let target = silent_port();
    let runner = Home::new(&format!(
        "node_id = \"n1\"\n{BRISK}[notify]\nwindow = \"0s\"\n[[notify.rule]]\nname = \"page\"\nsinks = [\"am\"]\n\
         [[notify.sink]]\nname = \"am\"\ntype = \"alertmanager\"\nurl = \"http://127.0.0.1:{}\"\n{}",
        server.port(),
        check("door", target, "critical = true\ngroup = \"front\"\nlabels = { team = \"shop\" }\n")
    ))
    .start();
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build().into();
    let alerts = || -> Value {
        let url = format!("http://127.0.0.1:{}/api/v2/alerts", server.port());
        serde_json::from_str(&agent.get(&url).call().unwrap().body_mut().read_to_string().unwrap()).unwrap()
    };
    let alert = runner.wait_for("an alert at Alertmanager", || {
        let all = alerts();
        all.as_array().unwrap().first().cloned().ok_or(all)
    });
    let labels = &alert["labels"];
    for (name, said) in [
        ("alertname", "ProbityCheck"),
        ("check", "door"),
        ("group", "front"),
        ("team", "shop"),
        ("severity", "critical"),
        ("node_id", "n1"),
    ] {
        assert_eq!(labels[name], said, "{alert}");
    }
    assert_eq!(alert["status"]["state"], "active", "{alert}");
    assert!(alert["annotations"]["description"].as_str().unwrap().contains("connection refused"), "{alert}");

    let _open = listening_at(target);
    runner.wait_for("no alert at Alertmanager", || {
        let all = alerts();
        if all.as_array().unwrap().is_empty() { Ok(()) } else { Err(all) }
    });
    let tried = runner.home.run(&["notify", "test", "am"]);
    assert_eq!(tried.code, Some(0), "{tried:?}");
    assert_eq!(alerts()[0]["labels"]["alertname"], "ProbityTest");
    runner.stop();
}
