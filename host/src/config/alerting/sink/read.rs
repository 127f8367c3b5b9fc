//! A sink, from what is written of it.

use std::{collections::BTreeMap, sync::Arc};

use ::http::{HeaderName, HeaderValue, Uri};
use base64::{Engine, engine::general_purpose::STANDARD};
use lettre::message::Mailbox;
use probity_core::alert::Letter;
use serde_json::Value;

use super::{Email, Hook, Key, Secret, Security, Sink, SinkKind, Web, Webhook};
use crate::{
    config::{
        alerting::{Template, keys},
        check::Context,
        kind::At,
        layout,
        report::Report,
        settings::Settings,
        tls::Options,
    },
    trust::Trust,
};

/// What the secret of a Standard Webhook begins with, before base64.
const WEBHOOK_SECRET: &str = "whsec_";
/// Characters of the name of a topic of ntfy.
const TOPIC: usize = 64;
/// The port of mail over TLS from the start (RFC 8314, section 3.3).
const SUBMISSIONS: u16 = 465;

/// Which keys a sink needs and which it may have, by its type. All may have `name` and `type`.
const KEYS: [(&str, &[&str], &[&str]); 9] = [
    ("webhook", &["url"], &["secret", "headers", "body", "timeout", "tls"]),
    ("alertmanager", &["url"], &["headers", "timeout", "tls"]),
    ("email", &["server", "from", "to"], &["security", "username", "password", "timeout", "tls"]),
    ("slack", &["url"], &["timeout", "tls"]),
    ("discord", &["url"], &["timeout", "tls"]),
    ("teams", &["url"], &["timeout", "tls"]),
    ("ntfy", &["url"], &["token", "timeout", "tls"]),
    ("stdout", &[], &[]),
    ("hook", &["component"], &["settings", "allow", "timeout"]),
];

/// The sink that a section describes, or `None` if it can't be one, which is reported.
pub(in crate::config::alerting) fn read(
    sink: keys::Sink,
    at: usize,
    trust: &Arc<Trust>,
    context: &Context<'_>,
    problems: &mut Report,
) -> Option<Sink> {
    let word = sink.r#type.as_ref()?.value;
    let (_, needed, possible) = KEYS.into_iter().find(|(known, _, _)| *known == word)?;
    let complete = refuse_strange_keys(&sink, word, needed, possible, at, context, problems);
    let timeout = At::value(sink.timeout).unwrap_or(keys::TIMEOUT);
    let tls = sink.tls.map(|At { value: keys::SinkTls { ca_file, cert_file, key_file }, .. }| {
        let tls = layout::Tls { ca_file, cert_file, key_file, ..layout::Tls::default() };
        Options::read(&tls, context.files, context.source, problems)
    });
    let tls = Arc::new(tls.unwrap_or_default().resolve());
    let name = At::value(sink.name);
    let url_at = sink.url.as_ref().map_or(at, |url| url.at);
    let url = sink.url.and_then(|url| read_url(&url, context, problems));
    let headers = sink.headers.map(|headers| {
        let origin = headers.at;
        read_headers(
            &headers.value.fill("headers", &context.filler, headers.at, context.source, problems),
            origin,
            context,
            problems,
        )
    });
    let mut headers = headers.unwrap_or_default();
    if let Some(token) = sink.token {
        let token = fill("token", &token, context, problems);
        if let Ok(mut value) = HeaderValue::try_from(format!("Bearer {}", token.text)) {
            value.set_sensitive(true);
            headers.push((::http::header::AUTHORIZATION, value));
        } else {
            problems
                .push(context.source.origin(token.at), "token: must be visible ASCII, or it fits no header of HTTP");
        }
    }
    let key = sink.secret.map(|secret| read_key(&secret, context, problems));
    let body = sink.body.and_then(|body| read_template(&body, context, problems));
    let password_at = sink.password.as_ref().map_or(at, |password| password.at);
    let password = sink.password.map(|password| Secret(fill("password", &password, context, problems).text));
    let mailbox = |key: &str, text: &str, at: usize, problems: &mut Report| match text.parse::<Mailbox>() {
        Ok(mailbox) => Some(mailbox),
        Err(error) => {
            let message = format!(
                "{key}: `{text}` is no address of mail ({error}); write for example \"Probity <probity@example.com>\""
            );
            problems.push(context.source.origin(at), message);
            None
        }
    };
    let from = sink.from.and_then(|from| mailbox("from", &from.value, from.at, problems));
    let to =
        sink.to.map(|to| to.value.iter().filter_map(|text| mailbox("to", text, to.at, problems)).collect::<Vec<_>>());
    let server = sink.server.and_then(|server| read_server(&server, context, problems));
    let login = match (sink.username, password) {
        (Some(name), Some(password)) => Some((name.value, password)),
        (Some(At { at, .. }), None) => {
            let message =
                "`username` has no meaning without `password`, for example password = \"${env:SMTP_PASSWORD}\"";
            problems.push(context.source.origin(at), message);
            None
        }
        (None, Some(_)) => {
            let message = "`password` has no meaning without `username`, for example username = \"probity\"";
            problems.push(context.source.origin(password_at), message);
            None
        }
        (None, None) => None,
    };
    let settings = sink
        .settings
        .map(|written| written.value.fill("settings", &context.filler, written.at, context.source, problems));
    if !complete {
        return None;
    }
    let web = |url: Option<Uri>| url.map(|url| Web { url, headers, tls: Arc::clone(&tls) });
    let kind = match word {
        "webhook" => SinkKind::Webhook(Webhook { web: web(url)?, key, body }),
        "alertmanager" => SinkKind::Alertmanager(web(url)?),
        "slack" => SinkKind::Slack(web(url)?),
        "discord" => SinkKind::Discord(web(url)?),
        "teams" => SinkKind::Teams(web(url)?),
        "ntfy" => SinkKind::Ntfy(web(url.filter(|url| has_topic(url, url_at, context, problems)))?),
        "email" => {
            let (host, port) = server?;
            let security = match At::value(sink.security) {
                Some("tls") => Security::Tls,
                Some("none") => Security::Nothing,
                None if port == SUBMISSIONS => Security::Tls,
                _ => Security::StartTls,
            };
            SinkKind::Email(Box::new(Email { host, port, security, login, from: from?, to: to?, tls }))
        }
        "hook" => SinkKind::Hook(Box::new(Hook {
            component: context.filler.folder.join(At::value(sink.component)?),
            settings: settings.unwrap_or_else(|| Settings::none(context.source.origin(at))),
            allow: At::value(sink.allow).unwrap_or_default(),
            policy: Arc::clone(&context.defaults.policy),
            trust: Arc::clone(trust),
        })),
        _ => SinkKind::Stdout,
    };
    Some(Sink { name: name?.into(), kind, timeout })
}

/// Reports keys that the type of a sink lacks, and those that it has no use for. Whether it lacks none.
fn refuse_strange_keys(
    sink: &keys::Sink,
    word: &str,
    needed: &[&str],
    possible: &[&str],
    at: usize,
    context: &Context<'_>,
    problems: &mut Report,
) -> bool {
    let given: [(&str, Option<usize>, &str); 15] = [
        ("url", sink.url.as_ref().map(|key| key.at), r#"url = "https://example.com/hook""#),
        ("secret", sink.secret.as_ref().map(|key| key.at), ""),
        ("headers", sink.headers.as_ref().map(|key| key.at), ""),
        ("body", sink.body.as_ref().map(|key| key.at), ""),
        ("token", sink.token.as_ref().map(|key| key.at), ""),
        ("server", sink.server.as_ref().map(|key| key.at), r#"server = "smtp.example.com:587""#),
        ("security", sink.security.as_ref().map(|key| key.at), ""),
        ("username", sink.username.as_ref().map(|key| key.at), ""),
        ("password", sink.password.as_ref().map(|key| key.at), ""),
        ("from", sink.from.as_ref().map(|key| key.at), r#"from = "Probity <probity@example.com>""#),
        ("to", sink.to.as_ref().map(|key| key.at), r#"to = ["ops@example.com"]"#),
        ("component", sink.component.as_ref().map(|key| key.at), r#"component = "hooks/pager.wasm""#),
        ("settings", sink.settings.as_ref().map(|key| key.at), ""),
        ("allow", sink.allow.as_ref().map(|key| key.at), ""),
        ("tls", sink.tls.as_ref().map(|key| key.at), ""),
    ];
    let mut complete = true;
    for (key, place, example) in given {
        match place {
            None if needed.contains(&key) => {
                complete = false;
                let message = format!("a [[notify.sink]] of type \"{word}\" lacks `{key}`, for example {example}");
                problems.push(context.source.origin(at), message);
            }
            Some(place) if !needed.contains(&key) && !possible.contains(&key) => {
                let mut known: Vec<String> = needed.iter().chain(possible).map(|key| format!("`{key}`")).collect();
                known.sort();
                let known = if known.is_empty() { "nothing more".to_owned() } else { known.join(", ") };
                let message = format!(
                    "`{key}` has no meaning for a [[notify.sink]] of type \"{word}\", which takes {known}; leave it out"
                );
                problems.push(context.source.origin(place), message);
            }
            _ => {}
        }
    }
    complete
}

/// A secret, filled in; what can't be is reported.
fn fill(key: &str, written: &At<String>, context: &Context<'_>, problems: &mut Report) -> Filled {
    let mut errors = Vec::new();
    let filled = context.filler.fill(&written.value, &mut errors);
    for error in &errors {
        problems.push(context.source.origin(written.at), format!("{key}: {error}"));
    }
    Filled { text: filled.text, at: written.at, sound: errors.is_empty() }
}

struct Filled {
    text: String,
    at: usize,
    /// Whether everything in it could be filled in.
    sound: bool,
}

fn read_url(url: &At<String>, context: &Context<'_>, problems: &mut Report) -> Option<Uri> {
    let filled = fill("url", url, context, problems);
    if !filled.sound {
        return None;
    }
    let read = filled.text.parse::<Uri>().ok();
    let known = read.filter(|url| matches!(url.scheme_str(), Some("http" | "https")) && url.host().is_some());
    if known.is_none() {
        // It is not shown: it may be a secret.
        let message = "url: must be an address of http or https, for example url = \"https://example.com/hook\"";
        problems.push(context.source.origin(url.at), message);
    }
    known
}

/// Whether the address of a sink of ntfy is that of a topic (its `server/server.go` has the names that one can have); if not, that is
/// reported.
fn has_topic(url: &Uri, at: usize, context: &Context<'_>, problems: &mut Report) -> bool {
    let topic = url.path().trim_matches('/');
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let is_topic = (1..=TOPIC).contains(&topic.len()) && topic.bytes().all(letter);
    if !is_topic {
        // It is not shown: who knows a topic can read it.
        let message = format!(
            "url: must end in a topic of 1 to {TOPIC} letters, digits, `-` and `_`, for example url = \"https://ntfy.sh/my-alerts\""
        );
        problems.push(context.source.origin(at), message);
    }
    is_topic
}

fn read_key(secret: &At<String>, context: &Context<'_>, problems: &mut Report) -> Key {
    let filled = fill("secret", secret, context, problems);
    let decoded = match filled.text.strip_prefix(WEBHOOK_SECRET) {
        Some(encoded) => STANDARD.decode(encoded).ok(),
        None => Some(filled.text.into_bytes()),
    };
    match decoded {
        Some(key) if !key.is_empty() || !filled.sound => Key(key),
        _ => {
            let message = "secret: what follows `whsec_` must be base64, and no secret may be empty; `openssl rand -base64 24` \
                           makes one";
            problems.push(context.source.origin(secret.at), message);
            Key(Vec::new())
        }
    }
}

fn read_template(body: &At<String>, context: &Context<'_>, problems: &mut Report) -> Option<Template> {
    // Of a message like any other: what it names that there is not is found now.
    let sample = Letter::test("msg".into(), "node", context.now);
    match Template::parse(&body.value).and_then(|template| template.try_out(&sample).map(|()| template)) {
        Ok(template) => Some(template),
        Err(error) => {
            problems.push(context.source.origin(body.at), format!("body: {error}"));
            None
        }
    }
}

fn read_server(server: &At<String>, context: &Context<'_>, problems: &mut Report) -> Option<(String, u16)> {
    let parts = server.value.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
    let parts = parts.filter(|(host, port)| !host.is_empty() && *port > 0);
    if parts.is_none() {
        let message = format!(
            "server: `{}` must be a host and a port, for example server = \"smtp.example.com:587\"",
            server.value
        );
        problems.push(context.source.origin(server.at), message);
    }
    parts.map(|(host, port)| (host.trim_start_matches('[').trim_end_matches(']').to_owned(), port))
}

fn read_headers(
    settings: &Settings,
    at: usize,
    context: &Context<'_>,
    problems: &mut Report,
) -> Vec<(HeaderName, HeaderValue)> {
    let table: BTreeMap<&String, &Value> = settings.filled().as_object().into_iter().flatten().collect();
    let mut headers = Vec::new();
    for (name, value) in table {
        let read =
            HeaderName::try_from(name.as_str()).ok().zip(value.as_str().and_then(|v| HeaderValue::try_from(v).ok()));
        match read {
            Some((name, mut value)) => {
                value.set_sensitive(true);
                headers.push((name, value));
            }
            None => {
                let message = format!(
                    "headers: `{name}` and what it says must fit a header of HTTP, for example headers = {{ Authorization = \
                     \"Bearer ${{env:WEBHOOK_TOKEN}}\" }}"
                );
                problems.push(context.source.origin(at), message);
            }
        }
    }
    headers
}
