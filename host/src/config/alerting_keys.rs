//! The keys of `[notify]`, declared once, as all others are in `layout`.

use std::{ops::RangeInclusive, time::Duration};

use probity_core::{alert::Severity, event::Event};

use super::{
    duration::Span,
    kind::{AtLeastOne, List, OrWord, Table, Tables},
    labels::LabelTable,
    moment::Moment,
    number::{Count, Flag},
    section::{Rule, section},
    settings::AnyTable,
    text::{Allowed, Choice, FilePath, Line, Name, Prose, Token},
};

/// What a slow relay of mail takes, as with the time-out of a check.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);
/// A day: the sink, or the way to it, may be what is broken.
pub(super) const RETRY_FOR: Duration = Duration::from_secs(24 * 3600);
/// Some hours of one message every ten seconds.
pub(super) const MAX_QUEUED: usize = 1_000;

/// At once is fine; past an hour, nobody is told of anything.
const WINDOWS: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(3600);
/// One message is always told as such.
const SUMMARIES: RangeInclusive<usize> = 1..=1_000;
/// Up to a month.
const SPANS: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(31 * 24 * 3600);
/// More often than every second is a stream rather than a reminder.
const REPEATS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(31 * 24 * 3600);
/// From what a minute of the calendar is to a month.
const PERIODS: RangeInclusive<Duration> = Duration::from_secs(60)..=Duration::from_secs(31 * 24 * 3600);
/// Up to a minute: the messages behind one wait.
const TIMEOUTS: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(60);
/// A message is about a kilobyte, and they are kept in memory as well as on disk.
const QUEUES: RangeInclusive<usize> = 1..=100_000;
/// The longest name of a check, or group, with wild cards.
const PATTERN: usize = 200;
/// As with the schedule of a check.
const CRON: usize = 1_000;
/// The longest name of a time zone is far shorter.
const ZONE: usize = 100;
/// The longest address of mail (RFC 5321, section 4.5.3.1), with a name before it.
const MAILBOX: usize = 500;
/// A template of some pages.
const TEMPLATE: usize = 16 * 1024;

/// How a connection to a server of mail is secured.
pub(super) const SECURITIES: &[&str] = &["starttls", "tls", "none"];
/// What a sink can be.
pub(super) const TYPES: &[&str] =
    &["webhook", "alertmanager", "email", "slack", "discord", "teams", "ntfy", "stdout", "hook"];

/// Events that a rule can tell: all but those that tell of telling.
const EVENTS: [&str; Event::KINDS.len() + 1] = {
    let mut all = ["reload"; Event::KINDS.len() + 1];
    let mut at = 0;
    while at < Event::KINDS.len() {
        all[at] = Event::KINDS[at];
        at += 1;
    }
    all
};

section! {
    /// Who is told of trouble, and when.
    Notify {
        /// How long news of a rule are collected before they are told, so that what fails together is told together.
        window: Span = Span(WINDOWS), example "30s", default "10s";
        /// More news than this within a window are told as one summary.
        summary_above: Count<usize> = Count(SUMMARIES), example 20, default 5;
        /// How long after a summary its rule goes on collecting before it tells more.
        summary_interval: Span = Span(SPANS), example "15m", default "5m";
        /// For how long a message is tried again that its sink does not take.
        retry_for: Span = Span(SPANS), example "72h", default "24h";
        /// How many messages can wait for each sink; of more, the oldest are dropped.
        max_queued: Count<usize> = Count(QUEUES), example 500, default 1_000;
        /// What is told of which checks, and to whom.
        rule: Tables<NotifyRule> = Tables::new(), example [{ name = "page", sinks = ["ops"] }];
        /// Where messages go.
        sink: Tables<Sink> = Tables::new(), example [{ name = "ops", type = "stdout" }];
        /// Planned work, in which trouble is not told.
        maintenance: Tables<Maintenance> = Tables::new(), example [{ name = "backup", cron = "0 3 * * *", duration = "1h" }];
    }
}

section! {
    /// What is told of which checks, and to whom.
    NotifyRule {
        /// The name of the rule; no other rule has it.
        name: Name = Name, example "page";
        /// To whom, by the names of sinks.
        sinks: AtLeastOne<Name> = AtLeastOne(Name), example ["ops"];
        /// Names of checks, in which `*` stands for any letters. Unless given: all.
        checks: AtLeastOne<Line> = AtLeastOne(Line(PATTERN)), example ["orders-*"];
        /// Names of groups, in which `*` stands for any letters. Unless given: all, and checks without one.
        groups: AtLeastOne<Line> = AtLeastOne(Line(PATTERN)), example ["storage"];
        /// Labels that a check must have, and what they say; `*` stands for any letters.
        labels: LabelTable = LabelTable, example { team = "orders" };
        /// How bad it must be: "unhealthy" is of a check that is not critical, and "critical" of one that is. Unless given: all.
        severity: AtLeastOne<Choice> = AtLeastOne(Choice(&Severity::WORDS)), example ["unhealthy", "critical"];
        /// How long it must have been as bad as that.
        r#for: Span = Span(SPANS), example "5m", default "0s";
        /// After how long trouble that goes on is told again; "off": it is not.
        repeat: OrWord<Span> = OrWord("off", Span(REPEATS)), example "4h", default "off";
        /// Whether the end of what was told is told.
        resolve: Flag = Flag, example false, default true;
        /// Events to tell, each by itself, in place of trouble.
        events: AtLeastOne<Choice> = AtLeastOne(Choice(&EVENTS)), example ["flapping-start", "reload"];
        /// When nothing is told; news are kept until it is over.
        quiet: Tables<Period> = Tables::new(), example [{
            cron = "0 22 * * *",
            duration = "8h",
            timezone = "Europe/Stockholm"
        }];
        rules [
            Rule::Required("name"),
            Rule::Required("sinks"),
            Rule::NotBoth("events", "severity"),
            Rule::NotBoth("events", "for"),
            Rule::NotBoth("events", "repeat"),
            Rule::NotBoth("events", "resolve")
        ];
    }
}

section! {
    /// A time in which something holds: again and again, or once.
    Period {
        /// When it begins: minute, hour, day of the month, month and day of the week.
        cron: Line = Line(CRON), example "0 22 * * *";
        /// How long it holds from then on.
        duration: Span = Span(PERIODS), example "8h";
        /// The moment at which it begins, if it is one.
        from: Moment = Moment, example "2026-12-24T18:00";
        /// The moment at which it is over.
        to: Moment = Moment, example "2026-12-27T06:00";
        /// The IANA time zone in which all this is meant. Unless given: UTC.
        timezone: Line = Line(ZONE), example "Europe/Stockholm";
        rules [
            Rule::NotBoth("cron", "from"),
            Rule::Needs("cron", "duration"),
            Rule::Needs("duration", "cron"),
            Rule::Needs("from", "to"),
            Rule::Needs("to", "from")
        ];
    }
}

section! {
    /// Planned work, in which trouble is not told.
    Maintenance {
        /// The name of it; no other has it.
        name: Name = Name, example "backup";
        /// Names of checks, in which `*` stands for any letters. Unless given: all.
        checks: AtLeastOne<Line> = AtLeastOne(Line(PATTERN)), example ["orders-*"];
        /// Names of groups, in which `*` stands for any letters. Unless given: all, and checks without one.
        groups: AtLeastOne<Line> = AtLeastOne(Line(PATTERN)), example ["storage"];
        /// Labels that a check must have, and what they say; `*` stands for any letters.
        labels: LabelTable = LabelTable, example { team = "orders" };
        also period: Period;
        rules [Rule::Required("name")];
    }
}

section! {
    /// Where messages go.
    Sink {
        /// The name of the sink; no other sink has it.
        name: Name = Name, example "ops";
        /// What it is.
        r#type: Choice = Choice(TYPES), example "webhook";
        /// Where it is, for all that speak HTTP. `${env:NAME}` and `${file:PATH}` are filled in.
        url: Token = Token, example "${env:SLACK_URL}";
        /// What a webhook is signed with, as Standard Webhooks has it: `whsec_` and base64, or any text. `${env:NAME}` and
        /// `${file:PATH}` are filled in.
        secret: Token = Token, example "${env:WEBHOOK_SECRET}";
        /// Headers that are sent along; `${env:NAME}` and `${file:PATH}` are filled in.
        headers: AnyTable = AnyTable, example { Authorization = "Bearer ${env:WEBHOOK_TOKEN}" };
        /// A template (of Jinja) of what is sent by a webhook. Unless given: all there is, as JSON.
        body: Prose = Prose(TEMPLATE), example "{\"text\": {{ title }}}";
        /// The bearer token of ntfy. `${env:NAME}` and `${file:PATH}` are filled in.
        token: Token = Token, example "${env:NTFY_TOKEN}";
        /// The server that mail is handed to, and its port.
        server: Line = Line(MAILBOX), example "smtp.example.com:587";
        /// How the connection to it is secured. Unless given: "tls" at port 465, and otherwise "starttls".
        security: Choice = Choice(SECURITIES), example "starttls";
        /// The name to log in with.
        username: Line = Line(MAILBOX), example "probity";
        /// The password to log in with. `${env:NAME}` and `${file:PATH}` are filled in.
        password: Token = Token, example "${env:SMTP_PASSWORD}";
        /// Whom mail is from.
        from: Line = Line(MAILBOX), example "Probity <probity@example.com>";
        /// Whom mail is for.
        to: AtLeastOne<Line> = AtLeastOne(Line(MAILBOX)), example ["ops@example.com"];
        /// The file of a hook, relative to this one, and read again when it changes. It does not belong into the watched folder,
        /// where probes are.
        component: FilePath = FilePath, example "hooks/pager.wasm";
        /// What a hook is told. `${env:NAME}` and `${file:PATH}` are filled in.
        settings: AnyTable = AnyTable, example { key = "${env:PAGER_KEY}" };
        /// What a hook may reach.
        allow: List<Allowed> = List(Allowed), example ["https:events.pager.example:443"];
        /// How long it may take to send one message.
        timeout: Span = Span(TIMEOUTS), example "5s", default "10s";
        /// How it speaks TLS.
        tls: Table<SinkTls> = Table::new(), example { ca_file = "internal-ca.pem" };
        rules [Rule::Required("name"), Rule::Required("type")];
    }
}

section! {
    /// How a sink speaks TLS.
    SinkTls {
        /// A PEM file of the certificates that vouch for the server, in place of those that the system trusts; relative to this
        /// file.
        ca_file: FilePath = FilePath, example "internal-ca.pem";
        /// A PEM file of the certificate that is shown to a server of HTTP that asks for one.
        cert_file: FilePath = FilePath, example "client.pem";
        /// A PEM file of the private key to that certificate.
        key_file: FilePath = FilePath, example "client.key";
        rules [Rule::Needs("cert_file", "key_file"), Rule::Needs("key_file", "cert_file")];
    }
}
