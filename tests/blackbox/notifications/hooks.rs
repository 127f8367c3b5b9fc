//! Hooks: components that are told of trouble, in the sandbox of probes.

use serde_json::json;

use super::{check, listening_at, notice, receiver::Receiver, silent_port};
use crate::{
    guest, languages,
    runner::{BRISK, Home},
};

fn config(port: u16, more: &str) -> String {
    format!(
        "{BRISK}[notify]\nwindow = \"0s\"\n[[notify.rule]]\nname = \"page\"\nsinks = [\"pager\"]\n\
         [[notify.sink]]\nname = \"pager\"\ntype = \"hook\"\ncomponent = \"hooks/pager.wasm\"\n{more}{}",
        check("door", port, "")
    )
}

fn home(port: u16, more: &str, component: &[u8]) -> Home {
    let home = Home::new(&config(port, more));
    std::fs::create_dir(home.path("hooks")).unwrap();
    home.put("hooks/pager.wasm", component);
    home
}

#[test]
fn a_hook_is_told_of_trouble_and_of_its_end() {
    let port = silent_port();
    let home = home(port, "settings = { key = \"${env:PAGER_KEY}\" }\n", &guest::hook("passes-on", &[]));
    let mut command = home.command(&["run", "--listen", "127.0.0.1:0", "--data-dir", "state"]);
    command.env("PAGER_KEY", "s3cret-key");
    let runner = home.start_by(command);
    runner.wait_for_log("door is unhealthy");
    let _open = listening_at(port);
    runner.wait_for_log("door is resolved");
    // It logs as its sink, and what it logs of its secrets is blotted out.
    assert!(runner.log().contains("pager"), "{}", runner.log());
    assert!(!runner.log().contains("s3cret-key"), "{}", runner.log());
    runner.stop();
}

/// The example opens an incident, and closes it.
#[test]
fn the_example_opens_an_incident_and_closes_it() {
    if !languages::is_ready("rust") {
        return;
    }
    let target = languages::target_dir().join("languages/hook");
    let built = languages::author(
        &guest::repository().join("examples/hook"),
        &["build", "--target-dir", target.to_str().unwrap()],
    );
    assert_eq!(built.code, Some(0), "{built:?}");
    let component = std::fs::read(target.join("incident-hook.wasm")).unwrap();
    let (receiver, port) = (Receiver::new(), silent_port());
    let settings = format!("settings = {{ url = \"{}\", key = \"k3y\" }}\n", receiver.url("/v1/events"));
    let allowed = format!("{settings}allow = [\"http:127.0.0.1:{}\"]\n", receiver.port());
    let home = home(port, &settings, &component);
    let denied = home.run(&["notify", "test", "pager"]);
    assert!(denied.code == Some(1) && denied.stdout.contains("add to the sink: allow = ["), "{denied:?}");
    home.put("probity.toml", config(port, &allowed).as_bytes());
    let runner = home.start();
    let opened = receiver.wait_for(1, &runner).remove(0);
    assert_eq!(opened.header("authorization"), "Bearer k3y");
    let said = opened.json();
    assert_eq!((&said["action"], &said["summary"]), (&json!("trigger"), &json!("door is unhealthy")));
    let _open = listening_at(port);
    let closed = receiver.wait_for(2, &runner).remove(1).json();
    assert_eq!((&closed["action"], &closed["incident"]), (&json!("resolve"), &said["incident"]));
    runner.stop();
}

#[test]
fn what_a_hook_refuses_is_told_again_or_given_up() {
    for (how, dropped) in [("0", false), ("1", true)] {
        let home = home(1, "", &guest::hook("refuses", &[("HOW", how)]));
        let runner = home.start();
        runner.wait_for_log("not now!");
        let failed = notice(&runner, "delivery-failed");
        assert_eq!((&failed["sink"], &failed["dropped"]), (&json!("pager"), &json!(dropped)), "{failed}");
        // Another one in its place is taken up with the next message.
        if !dropped {
            runner.home.put("hooks/pager.wasm", &guest::hook("passes-on", &[]));
            runner.wait_for_log("\"title\":\"door is unhealthy\"");
        }
        runner.stop();
    }
}

#[test]
fn a_hook_has_the_budgets_of_a_run_and_reaches_nothing() {
    let loops = home(1, "", &guest::hook("loops", &[]));
    let ended = loops.run(&["notify", "test", "pager"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stdout.contains("out-of-fuel"), "{ended:?}");
    // A probe is no hook, and a hook is no probe.
    let probe = home(1, "", &guest::saying("hello"));
    let ended = probe.run(&["notify", "test", "pager"]);
    assert!(
        ended.stdout.contains("this component is no hook: it must export `probity:probe/listener@0.1.0`"),
        "{ended:?}"
    );
    let mixed = Home::new(BRISK);
    mixed.drop_in("pager", &guest::hook("passes-on", &[]));
    let runner = mixed.start();
    assert!(runner.wait_for_rejection("pager").contains("this is a hook, and no probe"));
    runner.stop();
    // One that is not there, and one that is not trusted.
    let gone = Home::new(&config(1, ""));
    let ended = gone.run(&["notify", "test", "pager"]);
    assert!(ended.stdout.contains("it can't be read: No such file"), "{ended:?}");
    let strange = home(1, "", &guest::hook("passes-on", &[]));
    strange.put("probity.toml", format!("security.trust.allow_unlisted = false\n{}", config(1, "")).as_bytes());
    let ended = strange.run(&["notify", "test", "pager"]);
    assert!(ended.code == Some(1) && ended.stdout.contains("allow_unlisted"), "{ended:?}");
}
