//! A topic of ntfy, told in JSON (<https://docs.ntfy.sh/publish/#publish-as-json>), so that titles can have any letters.

use std::time::Duration;

use futures_util::future::BoxFuture;
use http::HeaderValue;
use probity_core::alert::{Letter, Severity};
use serde_json::json;

use crate::{
    alerts::{
        delivery::{Deliver, Failure},
        web::Place,
    },
    config::Web,
};

/// ntfy's names for what is usual and what is urgent: from 1 to 5.
const USUAL: u8 = 3;
const HIGH: u8 = 4;
const URGENT: u8 = 5;

pub(super) struct ToNtfy {
    place: Place,
    topic: String,
}

impl ToNtfy {
    pub(super) fn new(web: &Web, patience: Duration) -> ToNtfy {
        let topic = web.url.path().trim_matches('/').to_owned();
        ToNtfy { place: Place::new(web, patience), topic }
    }
}

impl Deliver for ToNtfy {
    fn deliver<'a>(&'a self, letter: &'a Letter) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let priority = match letter.severity {
                Some(Severity::Critical) => URGENT,
                Some(Severity::Unhealthy) => HIGH,
                _ => USUAL,
            };
            let tag = if letter.firing { "rotating_light" } else { "white_check_mark" };
            let body = json!({
                "topic": self.topic,
                "title": letter.title,
                "message": letter.text,
                "priority": priority,
                "tags": [tag],
            });
            let id = HeaderValue::try_from(&*letter.id).map_err(|_| Failure::permanent("its id fits no header"))?;
            let key = http::HeaderName::from_static("idempotency-key");
            // JSON is taken at the root alone.
            self.place.post_to("/", "application/json", &[(key, id)], body.to_string()).await
        })
    }
}
