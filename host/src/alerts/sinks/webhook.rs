//! Whatever takes a request: signed as Standard Webhooks has it (<https://www.standardwebhooks.com>), with a body of the operator's choice.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::future::BoxFuture;
use http::{HeaderName, HeaderValue};
use jiff::Timestamp;
use probity_core::alert::Letter;
use ring::hmac;

use crate::{
    alerts::{
        delivery::{Deliver, Failure},
        web::Place,
    },
    config::{Key, Template, Webhook},
};

/// What names a message, however often it is sent.
const ID: HeaderName = HeaderName::from_static("webhook-id");
/// The same, by the name that other services know (draft-ietf-httpapi-idempotency-key-header).
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// When it is sent, in seconds since 1970, so that an old one that is sent by somebody else is recognised.
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
/// That it is from somebody who knows the secret.
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

pub(super) struct ToWebhook {
    place: Place,
    key: Option<Key>,
    body: Option<Template>,
}

impl ToWebhook {
    pub(super) fn new(webhook: &Webhook, patience: Duration) -> ToWebhook {
        let place = Place::new(&webhook.web, patience);
        ToWebhook { place, key: webhook.key.clone(), body: webhook.body.clone() }
    }
}

impl Deliver for ToWebhook {
    fn deliver<'a>(&'a self, letter: &'a Letter) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let body = match &self.body {
                Some(template) => {
                    template.render(letter).map_err(|error| Failure::permanent(format!("body: {error}")))?
                }
                // All keys of a letter are texts, so it can always be written.
                None => serde_json::to_string(letter).unwrap_or_default(),
            };
            let headers = headers(&letter.id, Timestamp::now(), &body, self.key.as_ref());
            self.place.post("application/json", &headers, body).await
        })
    }
}

/// What is sent along with a body.
fn headers(id: &str, now: Timestamp, body: &str, key: Option<&Key>) -> Vec<(HeaderName, HeaderValue)> {
    let seconds = now.as_second();
    let mut headers = vec![(TIMESTAMP, HeaderValue::from(seconds))];
    let mut add = |name: HeaderName, text: &str| {
        // Ids and signatures are of visible ASCII.
        headers.extend(HeaderValue::try_from(text).ok().map(|value| (name, value)));
    };
    add(ID, id);
    add(IDEMPOTENCY_KEY, id);
    if let Some(Key(secret)) = key {
        let signed = format!("{id}.{seconds}.{body}");
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), signed.as_bytes());
        add(SIGNATURE, &format!("v1,{}", STANDARD.encode(tag)));
    }
    headers
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// The example of the specification's libraries: <https://github.com/standard-webhooks/standard-webhooks>.
    #[test]
    fn a_message_is_signed_as_the_standard_has_it() {
        let key = Key(STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap());
        let now = Timestamp::from_second(1_614_265_330).unwrap();
        let headers = headers("msg_p5jXN8AQM9LWM0D4loKWxJek", now, r#"{"test": 2432232314}"#, Some(&key));
        let value = |name: HeaderName| headers.iter().find(|(known, _)| *known == name).unwrap().1.to_str().unwrap();
        assert_eq!(value(SIGNATURE), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert_eq!(value(TIMESTAMP), "1614265330");
        assert_eq!(value(ID), value(IDEMPOTENCY_KEY));
    }
}
