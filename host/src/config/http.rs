//! How the runner answers over HTTP, as configured.

use std::{num::NonZeroU32, path::PathBuf, sync::Arc, time::Duration};

use arc_swap::ArcSwap;

use super::{
    check::Context,
    kind::At,
    layout,
    report::Report,
    tls::Files,
    token::{KnownToken, Scopes, TokenDigest},
};
use crate::identity::{Authorities, ClientCertificate};

/// The words for who may read: everybody, or whoever holds a token.
pub(super) const READS: &[&str] = &["open", "token"];
/// The words for whether clients must show a certificate.
pub(super) const CLIENT_CERTIFICATES: &[&str] = &["required", "optional"];
/// The name of the token that is written in the clear.
const PLAIN: &str = "token";

/// The HTTP server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http {
    /// Who may ask, and for what.
    pub auth: Auth,
    /// How the listener speaks TLS, if it does.
    pub tls: Option<ListenerTls>,
    /// How much clients may take.
    pub limits: HttpLimits,
    /// How long clients may take.
    pub timeouts: HttpTimeouts,
    /// The origins whose pages may read the answers.
    pub cors_origins: Vec<String>,
}

/// Who may ask, and for what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Auth {
    /// Whether reading takes a token.
    pub protects_reads: bool,
    /// The tokens that there are.
    pub tokens: Vec<KnownToken>,
    /// Whether everybody on this machine may do everything without a token, provided that no other machine reaches the
    /// runner.
    pub allow_anonymous_control: bool,
    /// What the status page shows, and whether it is for everybody.
    pub status_page: StatusPage,
}

/// What the status page shows, and to whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatusPage {
    /// Whether anybody may see it, and the badges of its checks, though reading may take a token.
    pub public: bool,
    /// What stands above it; `None`: the name of the runner.
    pub title: Option<String>,
    /// The groups whose checks it shows, in this order; `None`: all checks.
    pub groups: Option<Vec<String>>,
    /// Whether it shows what probes say, which may name hosts and ports.
    pub messages: bool,
}

impl StatusPage {
    /// Whether it shows checks of this group.
    #[must_use]
    pub fn shows(&self, group: Option<&str>) -> bool {
        let Some(groups) = &self.groups else { return true };
        group.is_some_and(|group| groups.iter().any(|shown| shown == group))
    }
}

/// The part of the configuration that says who may ask for what, as it is in force: it changes while the runner runs.
pub type AuthInForce = Arc<ArcSwap<Auth>>;

/// How the listener speaks TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerTls {
    /// A PEM file of its certificates.
    pub cert_file: PathBuf,
    /// A PEM file of the key.
    pub key_file: PathBuf,
    /// A PEM file of those who vouch for clients; `None`: no client is asked for a certificate.
    pub client_ca_file: Option<PathBuf>,
    /// Whether a client that is asked may have none.
    pub clients_may_lack_one: bool,
}

/// How much clients may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpLimits {
    /// Bytes of the head of a request.
    pub header_size: usize,
    /// Bytes of the body of a request.
    pub body_size: u64,
    /// Connections at a time.
    pub connections: usize,
    /// Connections of one address at a time; `None`: as many as there can be.
    pub connections_per_address: Option<usize>,
    /// Requests of one address; `None`: however many.
    pub pace: Option<Pace>,
}

/// How many requests there can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// In a second.
    pub per_second: NonZeroU32,
    /// At once, before that rate holds.
    pub burst: NonZeroU32,
}

/// How long clients may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpTimeouts {
    /// For a handshake of TLS.
    pub handshake: Duration,
    /// For the head of a request.
    pub header: Duration,
    /// For the body of a request.
    pub body: Duration,
    /// From the end of an answer to the next request.
    pub idle: Duration,
    /// For taking any further part of an answer.
    pub send: Duration,
}

impl Default for HttpLimits {
    fn default() -> HttpLimits {
        read_limits(layout::HttpLimits::default())
    }
}

impl Default for HttpTimeouts {
    fn default() -> HttpTimeouts {
        read_timeouts(layout::HttpTimeouts::default())
    }
}

impl Http {
    /// Reads a section and the files that it names, and reports all that is wrong with them.
    pub(super) fn read(section: layout::Http, context: &Context<'_>, problems: &mut Report) -> Http {
        Http {
            auth: Auth {
                status_page: read_status_page(At::value(section.status_page).unwrap_or_default()),
                ..read_auth(At::value(section.auth).unwrap_or_default(), context, problems)
            },
            tls: At::value(section.tls).and_then(|tls| read_tls(tls, context, problems)),
            limits: read_limits(At::value(section.limits).unwrap_or_default()),
            timeouts: read_timeouts(At::value(section.timeouts).unwrap_or_default()),
            cors_origins: At::value(section.cors_origins).unwrap_or_default(),
        }
    }
}

impl ListenerTls {
    /// Reads the files: the certificate with its key, and who vouches for clients.
    ///
    /// # Errors
    ///
    /// What is wrong with one of them. Nothing is told of a key but that it is of no use.
    pub fn load(&self) -> Result<(Arc<ClientCertificate>, Option<Arc<Authorities>>), String> {
        let files = Files::of_config("".as_ref());
        let own = files.client(&self.cert_file, &self.key_file).map_err(|unfit| unfit.to_string())?;
        let vouching = self.client_ca_file.as_deref().map(|file| files.authorities(file)).transpose();
        Ok((own, vouching.map_err(|why| format!("client_ca_file: {why}"))?))
    }
}

fn read_auth(section: layout::Auth, context: &Context<'_>, problems: &mut Report) -> Auth {
    let mut tokens: Vec<KnownToken> = Vec::new();
    for At { value: token, at } in At::value(section.tokens).into_iter().flatten() {
        // What lacks a part was reported as a broken rule.
        let (Some(name), Some(hash), Some(scopes)) = (token.name, token.hash, token.scopes) else {
            continue;
        };
        if scopes.value.is_empty() {
            let message = "scopes: a token without any is good for nothing; write for example scopes = [\"read\"]";
            problems.push(context.source.origin(scopes.at), message);
        }
        if tokens.iter().any(|other| other.name == name.value) {
            let message = format!("`{}` is the name of another token already", name.value);
            problems.push(context.source.origin(at), message);
        }
        tokens.push(KnownToken { name: name.value, digest: hash.value, scopes: Scopes::of(&scopes.value) });
    }
    if let Some(token) = section.token {
        let digest = TokenDigest::of(&read_token(&token, context, problems));
        tokens.push(KnownToken { name: PLAIN.into(), digest, scopes: Scopes::ALL });
    }
    let protects_reads = section.read.as_ref().is_some_and(|read| read.value == "token");
    let allow_anonymous_control = At::value(section.allow_anonymous_control).unwrap_or(false);
    if let Some(read) = section.read.filter(|_| protects_reads && tokens.is_empty() && !allow_anonymous_control) {
        let message = "read = \"token\": there is no token, so nobody could read; add a [[http.auth.tokens]] as \
                       `probity hash-token` writes it";
        problems.push(context.source.origin(read.at), message);
    }
    Auth { protects_reads, tokens, allow_anonymous_control, status_page: StatusPage::default() }
}

fn read_status_page(section: layout::StatusPage) -> StatusPage {
    StatusPage {
        public: At::value(section.public).unwrap_or(false),
        title: At::value(section.title),
        groups: At::value(section.groups),
        messages: At::value(section.messages).unwrap_or(false),
    }
}

/// The token that is written in the clear, filled in.
fn read_token(token: &At<String>, context: &Context<'_>, problems: &mut Report) -> String {
    let mut errors = Vec::new();
    let filled = context.filler.fill(&token.value, &mut errors);
    let flaw = (errors.is_empty() && !is_sendable(&filled.text)).then(|| UNSENDABLE.to_owned());
    for message in errors.iter().map(ToString::to_string).chain(flaw) {
        problems.push(context.source.origin(token.at), format!("token: {message}"));
    }
    filled.text
}

/// What is said of a token that can't be sent.
const UNSENDABLE: &str = "must be visible ASCII without spaces, and not empty: nothing else fits a header of HTTP";

/// Whether a text can be a bearer token.
#[must_use]
pub fn is_sendable(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic())
}

fn read_tls(section: layout::ListenerTls, context: &Context<'_>, problems: &mut Report) -> Option<ListenerTls> {
    // One without the other was reported as a broken rule.
    let (chain, key) = section.cert_file.zip(section.key_file)?;
    if let Err(unfit) = context.files.client(&chain.value, &key.value) {
        let (at, name) = if unfit.is_of_key() { (key.at, "key_file") } else { (chain.at, "cert_file") };
        problems.push(context.source.origin(at), format!("{name}: {}", unfit.why()));
    }
    if let Some(file) = &section.client_ca_file
        && let Err(flaw) = context.files.authorities(&file.value)
    {
        problems.push(context.source.origin(file.at), format!("client_ca_file: {flaw}"));
    }
    let full = |path: PathBuf| context.filler.folder.join(path);
    Some(ListenerTls {
        cert_file: full(chain.value),
        key_file: full(key.value),
        client_ca_file: At::value(section.client_ca_file).map(full),
        clients_may_lack_one: At::value(section.client_certificates) == Some("optional"),
    })
}

fn read_limits(section: layout::HttpLimits) -> HttpLimits {
    let per_second = At::value(section.requests_per_second).unwrap_or(Some(layout::REQUESTS_PER_SECOND));
    let pace = per_second.and_then(NonZeroU32::new).map(|per_second| {
        let burst = At::value(section.burst).and_then(NonZeroU32::new).unwrap_or(per_second);
        Pace { per_second, burst }
    });
    HttpLimits {
        header_size: At::value(section.header_size).unwrap_or(layout::HEADER_SIZE) as usize,
        body_size: At::value(section.body_size).unwrap_or(layout::BODY_SIZE),
        connections: At::value(section.connections).unwrap_or(layout::CONNECTIONS),
        connections_per_address: At::value(section.connections_per_address)
            .unwrap_or(Some(layout::CONNECTIONS_PER_ADDRESS)),
        pace,
    }
}

fn read_timeouts(section: layout::HttpTimeouts) -> HttpTimeouts {
    HttpTimeouts {
        handshake: At::value(section.handshake).unwrap_or(layout::SLOW_HEAD),
        header: At::value(section.header).unwrap_or(layout::SLOW_HEAD),
        body: At::value(section.body).unwrap_or(layout::SLOW_BODY),
        idle: At::value(section.idle).unwrap_or(layout::IDLE),
        send: At::value(section.send).unwrap_or(layout::SLOW_BODY),
    }
}
