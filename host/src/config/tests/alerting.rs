//! `[notify]`: what is read of it, and what is refused, word for word.

use probity_core::alert::{Period, Severity, Watches};

use super::*;

const SINK: &str = "[[notify.sink]]\nname = \"ops\"\ntype = \"stdout\"\n";

/// All that there is.
const ALL: &str = r#"
[notify]
window = "30s"
summary_above = 20
summary_interval = "15m"
retry_for = "72h"
max_queued = 500

[[notify.rule]]
name = "page"
sinks = ["hook", "am", "mail", "chat", "out", "phone"]
checks = ["orders-*", "shop"]
groups = ["storage"]
labels = { team = "ord*" }
severity = ["unhealthy", "critical"]
for = "5m"
repeat = "4h"
resolve = false
quiet = [{ cron = "0 22 * * *", duration = "8h", timezone = "Europe/Stockholm" }]

[[notify.rule]]
name = "changes"
sinks = ["out"]
events = ["reload", "flapping-start"]

[[notify.maintenance]]
name = "move"
checks = ["shop"]
from = 2026-12-24T18:00:00
to = "2026-12-27T06:00"
timezone = "Europe/Stockholm"

[[notify.sink]]
name = "hook"
type = "webhook"
url = "https://example.com/${env:DB_PASSWORD}"
secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
headers = { Authorization = "Bearer ${env:PROBITY_TOKEN}" }
body = '{"text": {{ title }}}'
timeout = "5s"

[[notify.sink]]
name = "am"
type = "alertmanager"
url = "http://alertmanager:9093"

[[notify.sink]]
name = "mail"
type = "email"
server = "smtp.example.com:465"
username = "probity"
password = "${env:DB_PASSWORD}"
from = "Probity <probity@example.com>"
to = ["ops@example.com"]

[[notify.sink]]
name = "chat"
type = "slack"
url = "https://hooks.slack.example/T0/B0/x"

[[notify.sink]]
name = "out"
type = "stdout"

[[notify.sink]]
name = "phone"
type = "ntfy"
url = "https://ntfy.example/ops"
token = "${env:PROBITY_TOKEN}"
"#;

#[test]
fn all_of_it_is_read() {
    let alerting = parse(ALL).unwrap().alerting;
    let policy = &alerting.policy;
    assert_eq!((policy.window, policy.summary_above, policy.summary_interval), (30 * SECOND, 20, 900 * SECOND));
    assert_eq!((alerting.retry_for, alerting.max_queued), (72 * 3600 * SECOND, 500));
    let Watches::Trouble(trouble) = &policy.rules[0].watches else { panic!("{policy:?}") };
    assert_eq!(trouble.severities, [Severity::Unhealthy, Severity::Critical].into());
    assert_eq!((trouble.hold, trouble.repeat, trouble.resolve), (300 * SECOND, Some(4 * 3600 * SECOND), false));
    let Period::Once { from, to } = &policy.maintenances[0].period else { panic!("{policy:?}") };
    assert_eq!((from.to_string(), to.to_string()), ("2026-12-24T17:00:00Z".into(), "2026-12-27T05:00:00Z".into()));
    let SinkKind::Webhook(hook) = &alerting.sink("hook").unwrap().kind else { panic!() };
    assert_eq!(hook.web.url, "https://example.com/hunter2");
    assert_eq!(hook.web.headers[0].1, "Bearer tell-nobody");
    let SinkKind::Email(mail) = &alerting.sink("mail").unwrap().kind else { panic!() };
    assert_eq!((mail.host.as_str(), mail.port, mail.security), ("smtp.example.com", 465, Security::Tls));
    let shown = format!("{alerting:?}");
    assert!(!shown.contains("hunter2") && !shown.contains("tell-nobody"), "{shown}");
}

#[test]
fn without_it_nobody_is_told() {
    assert_eq!(*parse("").unwrap().alerting, Alerting::default());
    let short = parse(&format!("[[notify.rule]]\nname = \"r\"\nsinks = [\"ops\"]\n{SINK}")).unwrap();
    let rule = &short.alerting.policy.rules[0];
    assert_eq!(*rule, probity_core::alert::Rule::new("r", ["ops"]));
}

#[test]
fn everything_wrong_is_told_with_what_would_be_right() {
    let rule = |lines: &str| format!("[[notify.rule]]\nname = \"r\"\nsinks = [\"ops\"]\n{lines}\n{SINK}");
    let sink = |lines: &str| format!("[[notify.sink]]\nname = \"s\"\n{lines}\n");
    let work = |lines: &str| format!("[[notify.maintenance]]\nname = \"m\"\n{lines}\n");
    let mail = |lines: &str| sink(&format!("type = \"email\"\n{lines}"));
    let mut wrong = Vec::new();
    for (text, message) in [
        (
            "[notify]\nwindow = \"2h\"".to_owned(),
            "2: window = \"2h\": must be from 0s to 1h, for example window = \"30s\"",
        ),
        ("[[notify.rule]]\nname = \"r\"".to_owned(), "1: [[notify.rule]] lacks `sinks`, for example sinks = [\"ops\"]"),
        (
            "[[notify.rule]]\nname = \"r\"\nsinks = []".to_owned(),
            "3: sinks = []: must have one at least, for example sinks = [\"ops\"]",
        ),
        (
            format!("{SINK}[[notify.rule]]\nname = \"r\"\nsinks = [\"opps\"]"),
            "6: sinks: there is no [[notify.sink]] with name = \"opps\"; there is `ops`. Write one, for example [[notify.sink]] \
             name = \"opps\", type = \"stdout\"",
        ),
        (
            rule("severity = [\"bad\"]"),
            "4: severity = \"bad\": must be \"unknown\" or \"degraded\" or \"unhealthy\" or \"critical\", for example severity \
             = [\"unhealthy\", \"critical\"]",
        ),
        (
            rule("severity = []"),
            "4: severity = []: must have one at least, for example severity = [\"unhealthy\", \"critical\"]",
        ),
        (
            rule("events = []"),
            "4: events = []: must have one at least, for example events = [\"flapping-start\", \"reload\"]",
        ),
        (rule("events = [\"fault\"]\nfor = \"5m\""), "5: `events` and `for` exclude each other; leave one out"),
        (
            rule("repeat = \"soon\""),
            "4: repeat = \"soon\": not a duration; write it as \"30s\", \"5m\" or \"1m30s\", or \"off\"",
        ),
        (
            rule("quiet = [{ cron = \"0 22 * * *\" }]"),
            "4: `cron` has no meaning without `duration`, for example duration = \"8h\"",
        ),
        (
            rule("quiet = [{ timezone = \"UTC\" }]"),
            "4: [[notify.rule.quiet]] lacks a time; write for example cron = \"0 22 * * *\" with duration = \"8h\", or from = \
             \"2026-12-24T18:00\" with to = \"2026-12-27T06:00\"",
        ),
        (
            format!("{}[[notify.rule]]\nname = \"r\"\nsinks = [\"ops\"]", rule("")),
            "8: `r` is the name of another rule already",
        ),
        (format!("{SINK}{SINK}"), "4: `ops` is the name of another sink already"),
        (
            work("from = \"2026-01-02T00:00\"\nto = \"2026-01-01T00:00\""),
            "4: to: it is over before it begins; give a later moment than that of `from`",
        ),
        (
            work("checks = []\ncron = \"0 2 * * *\"\nduration = \"1h\""),
            "3: checks = []: must have one at least, for example checks = [\"orders-*\"]",
        ),
        (
            work("from = \"tomorrow\"\nto = \"2026-01-01T00:00\""),
            "3: from = \"tomorrow\": must be a date and a time, with or without an offset from UTC, for example from = \
             \"2026-12-24T18:00\"",
        ),
        (
            work("from = \"2026-01-01T00:00\"\nto = \"2026-01-02T00:00\"\ntimezone = \"Europe/Stokholm\""),
            "5: timezone: `Europe/Stokholm` is not an IANA time zone; did you mean `Europe/Stockholm`?",
        ),
        (
            work("cron = \"0 25 * * *\"\nduration = \"1h\""),
            "3: cron: in `0 25 * * *`, the hour field (number 2): `25` is not one of 0-23; for example `8-18`",
        ),
        (
            format!("{0}{0}", work("cron = \"0 2 * * *\"\nduration = \"1h\"")),
            "5: `m` is the name of another maintenance already",
        ),
        (sink(""), "1: [[notify.sink]] lacks `type`, for example type = \"webhook\""),
        (
            sink("type = \"slack\""),
            "1: a [[notify.sink]] of type \"slack\" lacks `url`, for example url = \"https://example.com/hook\"",
        ),
        (
            sink("type = \"stdout\"\nurl = \"http://a\""),
            "4: `url` has no meaning for a [[notify.sink]] of type \"stdout\", which takes nothing more; leave it out",
        ),
        (
            sink("type = \"discord\"\nurl = \"discord.example/x\""),
            "4: url: must be an address of http or https, for example url = \"https://example.com/hook\"",
        ),
        (sink("type = \"slack\"\nurl = \"${env:ABSENT}\""), "4: url: the environment variable `ABSENT` is not set"),
        (
            sink("type = \"webhook\"\nurl = \"http://a\"\nsecret = \"whsec_?\""),
            "5: secret: what follows `whsec_` must be base64, and no secret may be empty; `openssl rand -base64 24` makes one",
        ),
        (
            sink("type = \"webhook\"\nurl = \"http://a\"\nbody = '{{ titel }}'"),
            "5: body: there is no `titel`; there is `check`, `description`, `ended`, `firing`, `group`, `id`, `items`, `kind`, \
             `labels`, `message`, `node_id`, `rule`, `severity`, `since`, `text`, `time`, `title`",
        ),
        (
            sink("type = \"webhook\"\nurl = \"http://a\"\nheaders = { \"a b\" = \"c\" }"),
            "5: headers: `a b` and what it says must fit a header of HTTP, for example headers = { Authorization = \"Bearer \
             ${env:WEBHOOK_TOKEN}\" }",
        ),
        (
            sink("type = \"ntfy\"\nurl = \"https://ntfy.example\""),
            "4: url: must end in a topic of 1 to 64 letters, digits, `-` and `_`, for example url = \
             \"https://ntfy.sh/my-alerts\"",
        ),
        (
            sink("type = \"ntfy\"\nurl = \"https://ntfy.example/a/b\""),
            "4: url: must end in a topic of 1 to 64 letters, digits, `-` and `_`, for example url = \
             \"https://ntfy.sh/my-alerts\"",
        ),
        (
            sink("type = \"ntfy\"\nurl = \"http://a/t\"\ntoken = \"${env:SPACES}\\n\""),
            "5: token: must be visible ASCII, or it fits no header of HTTP",
        ),
        (
            mail("from = \"a@b.c\"\nto = [\"a@b.c\"]\nserver = \"smtp.example.com\""),
            "6: server: `smtp.example.com` must be a host and a port, for example server = \"smtp.example.com:587\"",
        ),
        (
            mail("from = \"a@b.c\"\nto = []\nserver = \"a:25\""),
            "5: to = []: must have one at least, for example to = [\"ops@example.com\"]",
        ),
        (
            mail("from = \"a@b.c\"\nto = [\"a@b.c\"]\nserver = \"a:25\"\nusername = \"u\""),
            "7: `username` has no meaning without `password`, for example password = \"${env:SMTP_PASSWORD}\"",
        ),
        (
            mail("from = \"a@b.c\"\nto = [\"a@b.c\"]\nserver = \"a:25\"\npassword = \"p\""),
            "7: `password` has no meaning without `username`, for example username = \"probity\"",
        ),
        (
            sink("type = \"slack\"\nurl = \"https://a\"\ntls = { cert_file = \"a\" }"),
            "5: `cert_file` has no meaning without `key_file`, for example key_file = \"client.key\"",
        ),
    ] {
        let said = parse(&text).unwrap_err().to_string();
        let expected = format!("/etc/probity/probity.toml:{message}\n1 problem");
        if said != expected {
            wrong.push(format!("{text}\n said: {said}\nmeant: {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    let said = parse(&mail("server = \"a:25\"\nto = [\"a@b.c\"]\nfrom = \"nobody\"")).unwrap_err().to_string();
    assert!(said.contains(":6: from: `nobody` is no address of mail ("), "{said}");
}

#[test]
fn checks_that_depend_on_each_other_are_refused() {
    let check = |name: &str, parent: &str| format!("[[check]]\nname = \"{name}\"\ndepends_on = [\"{parent}\"]\n");
    let said = parse(&[check("a", "b"), check("b", "c"), check("c", "a")].concat()).unwrap_err().to_string();
    let expected = "/etc/probity/probity.toml:1: depends_on: `a` -> `b` -> `c` -> `a` depend on each other in a circle; leave one \
                    of them out\n1 problem";
    assert_eq!(said, expected);
    assert_eq!(
        parse(&[check("a", "b"), check("b", "elsewhere")].concat()).unwrap().checks[1].depends_on,
        ["elsewhere"]
    );
}
