//! Where messages go, as configured.

mod read;

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use ::http::{HeaderName, HeaderValue, Uri};
use lettre::message::Mailbox;

pub(super) use self::read::read;
use super::Template;
use crate::{
    config::settings::Settings,
    grant::{Grant, Policy},
    identity::Identity,
    trust::Trust,
};

/// A text that is nobody's business. Its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Where messages go.
#[derive(Clone, Debug, PartialEq)]
pub struct Sink {
    /// Its name.
    pub name: Arc<str>,
    /// What it is.
    pub kind: SinkKind,
    /// How long it may take to send one message.
    pub timeout: Duration,
}

/// What a sink is.
#[derive(Clone, Debug, PartialEq)]
pub enum SinkKind {
    /// Whatever takes a request.
    Webhook(Webhook),
    /// Alertmanager, by its API v2; the address is that of the server.
    Alertmanager(Web),
    /// Mail.
    Email(Box<Email>),
    /// An incoming webhook of Slack, or of what takes the same: Mattermost, Rocket.Chat.
    Slack(Web),
    /// A webhook of Discord.
    Discord(Web),
    /// A workflow of Teams that takes an adaptive card.
    Teams(Web),
    /// A topic of ntfy.
    Ntfy(Web),
    /// The standard output of the runner, a line of JSON a message.
    Stdout,
    /// A component.
    Hook(Box<Hook>),
}

impl SinkKind {
    /// The word for it.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            SinkKind::Webhook(_) => "webhook",
            SinkKind::Alertmanager(_) => "alertmanager",
            SinkKind::Email(_) => "email",
            SinkKind::Slack(_) => "slack",
            SinkKind::Discord(_) => "discord",
            SinkKind::Teams(_) => "teams",
            SinkKind::Ntfy(_) => "ntfy",
            SinkKind::Stdout => "stdout",
            SinkKind::Hook(_) => "hook",
        }
    }
}

/// What takes requests of HTTP.
#[derive(Clone, PartialEq)]
pub struct Web {
    /// Its address, which has a scheme of `http` or `https`, and a host. It may be a secret.
    pub url: Uri,
    /// What is sent along.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// How TLS is spoken with it.
    pub tls: Arc<Identity>,
}

impl fmt::Debug for Web {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Web").field("host", &self.url.host()).finish_non_exhaustive()
    }
}

/// What takes a request with a body of somebody's choice.
#[derive(Clone, Debug, PartialEq)]
pub struct Webhook {
    /// Where it is.
    pub web: Web,
    /// What messages are signed with.
    pub key: Option<Key>,
    /// What is sent; `None`: all there is.
    pub body: Option<Template>,
}

/// What messages are signed with. Its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(pub Vec<u8>);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Mail.
#[derive(Clone, Debug, PartialEq)]
pub struct Email {
    /// The host that it is handed to.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is secured.
    pub security: Security,
    /// The name and the password to log in with.
    pub login: Option<(String, Secret)>,
    /// Whom it is from.
    pub from: Mailbox,
    /// Whom it is for.
    pub to: Vec<Mailbox>,
    /// How TLS is spoken.
    pub tls: Arc<Identity>,
}

/// How a connection to a server of mail is secured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// By TLS from the start.
    Tls,
    /// By TLS that is asked for; a server that has none is not trusted with anything.
    StartTls,
    /// Not at all.
    Nothing,
}

/// A component that is told of events.
#[derive(Clone, Debug, PartialEq)]
pub struct Hook {
    /// Its file.
    pub component: PathBuf,
    /// What it is told.
    pub settings: Settings,
    /// What it may reach.
    pub allow: Vec<Grant>,
    /// What holds for it as for all checks.
    pub policy: Arc<Policy>,
    /// Whether its component is trusted.
    pub trust: Arc<Trust>,
}
