//! Where metrics and traces are sent.

use std::{sync::Arc, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use serde_json::Value;

use super::{check::Context, kind::At, layout, report::Report};
use crate::identity::Authorities;

/// Where metrics and traces are sent, and which.
#[derive(Clone, Debug, PartialEq)]
pub struct Otlp {
    /// The collector: `/v1/metrics` and `/v1/traces` are below this.
    pub endpoint: Uri,
    /// What is sent along with each request. They may be secrets, and are marked so.
    pub headers: HeaderMap,
    /// Who vouches for it; `None`: whom the system trusts.
    pub authorities: Option<Arc<Authorities>>,
    /// How often metrics are sent, if they are.
    pub metrics: Option<Duration>,
    /// Whether runs are.
    pub traces: bool,
}

impl Otlp {
    /// Reads a section, and reports what is wrong with it. One without an endpoint was reported as a broken rule.
    pub(super) fn read(section: layout::Otlp, context: &Context<'_>, problems: &mut Report) -> Option<Otlp> {
        let endpoint = At::value(section.endpoint)?;
        let mut headers = HeaderMap::new();
        if let Some(At { value, at }) = section.headers {
            let filled = value.fill("headers", &context.filler, at, context.source, problems);
            for (name, value) in filled.filled().as_object().into_iter().flatten() {
                let value = value.as_str().and_then(|value| HeaderValue::from_str(value).ok());
                match HeaderName::try_from(name.as_str()).ok().zip(value) {
                    Some((name, mut value)) => {
                        value.set_sensitive(true);
                        headers.insert(name, value);
                    }
                    None => {
                        let message =
                            format!("headers.{name}: must be the name of a header and a text of visible letters");
                        problems.push(context.source.origin(at), message);
                    }
                }
            }
        }
        let authorities = section.ca_file.and_then(|file| match context.files.authorities(&file.value) {
            Ok(authorities) => Some(authorities),
            Err(flaw) => {
                problems.push(context.source.origin(file.at), format!("ca_file: {flaw}"));
                None
            }
        });
        Some(Otlp {
            endpoint,
            headers,
            authorities,
            metrics: At::value(section.metrics_interval).unwrap_or(Some(layout::METRICS_INTERVAL)),
            traces: At::value(section.traces).unwrap_or(true),
        })
    }
}

/// A URL of a server, in the configuration.
pub(super) struct Endpoint;

impl super::kind::Scalar for Endpoint {
    type Value = Uri;

    fn parse(&self, value: &toml::de::DeValue<'_>) -> Result<Uri, super::kind::Flaw> {
        let uri = value.as_str().and_then(|text| text.parse::<Uri>().ok());
        let is_url = |uri: &Uri| {
            matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty())
        };
        let plain = |uri: &Uri| {
            uri.query().is_none() && !uri.authority().is_some_and(|authority| authority.as_str().contains('@'))
        };
        uri.filter(is_url).filter(plain).ok_or_else(|| {
            super::kind::Flaw::Not("a URL that begins with http:// or https://, without a user name and a query".into())
        })
    }

    fn schema(&self) -> Value {
        serde_json::json!({ "type": "string", "format": "uri", "pattern": "^https?://[^/@?#]+[^?#]*$" })
    }
}
