//! Chats and ntfy: each is told in its own words.

use serde_json::json;

use super::{check, receiver::Receiver};
use crate::runner::{BRISK, Home};

#[test]
fn each_chat_is_told_in_its_own_words() {
    let receivers = ["slack", "discord", "teams", "ntfy"].map(|kind| (kind, Receiver::new()));
    let mut config = format!(
        "{BRISK}[notify]\nwindow = \"0s\"\n[[notify.rule]]\nname = \"page\"\nsinks = [\"slack\", \"discord\", \"teams\", \"ntfy\"]\n{}",
        check("door", 1, "critical = true\n")
    );
    for (kind, receiver) in &receivers {
        let token = if *kind == "ntfy" { "token = \"tk_1\"\n" } else { "" };
        let url = receiver.url(&format!("/{kind}-topic"));
        config += &format!("[[notify.sink]]\nname = \"{kind}\"\ntype = \"{kind}\"\nurl = \"{url}\"\n{token}");
    }
    let runner = Home::new(&config).start();
    let [slack, discord, teams, ntfy] = receivers.map(|(_, receiver)| receiver.wait_for(1, &runner).remove(0));
    let title = "door is unhealthy (critical)";
    assert!(slack.head.starts_with("POST /slack-topic HTTP/1.1\r\n"), "{slack:?}");
    assert_eq!(slack.json()["text"], title);
    assert!(slack.json()["attachments"][0]["text"].as_str().unwrap().contains("connection refused"), "{slack:?}");
    assert_eq!(discord.json()["embeds"][0]["title"], title);
    assert_eq!(teams.json()["attachments"][0]["content"]["body"][0]["text"], title);
    assert!(ntfy.head.starts_with("POST / HTTP/1.1\r\n"), "{ntfy:?}");
    assert_eq!(ntfy.header("authorization"), "Bearer tk_1");
    let said = ntfy.json();
    assert_eq!((&said["topic"], &said["title"], &said["priority"]), (&json!("ntfy-topic"), &json!(title), &json!(5)));
    runner.stop();
}
