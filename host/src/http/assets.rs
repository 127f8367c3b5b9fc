//! The files of the dashboard, which are part of the binary: nothing is built or fetched when they are served.
//!
//! They lie below a folder that is named after what is in all of them. So each is right for ever and need never be asked for
//! again, and a newer runner's page never gets an older one's files.

use std::{collections::BTreeMap, sync::LazyLock};

use axum::{
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, Uri, header},
    response::{IntoResponse, Response},
};
use sha2::{Digest, Sha256};

use super::{
    App,
    page::{HTML, Page},
    problem,
};

/// Where they are served.
pub(super) const ROUTE: &str = "/assets/{digest}/{file}";
/// Digits of the digest that the folder is named after: 64 bits, of files that nobody else chose.
const NAMED: usize = 16;
/// What the page's own address of its files is written as.
const PLACE: &str = "{assets}";
/// What is right for ever is kept for as long as anything (RFC 8246).
pub(super) const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// What our pages may do: load what this runner serves and ask it, and nothing else; no text becomes a script.
pub(super) const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
);

const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const IMAGE: &str = "image/svg+xml";

/// Declares the files, each by its name and what it is.
macro_rules! files {
    ($($name:literal: $kind:expr,)+) => {
        [$(($name, $kind, include_bytes!(concat!("../../assets/", $name)).as_slice())),+]
    };
}

const FILES: [(&str, &str, &[u8]); 20] = files! {
    "address.js": SCRIPT,
    "alerts.js": SCRIPT,
    "api.js": SCRIPT,
    "care.js": SCRIPT,
    "charts.js": SCRIPT,
    "check.js": SCRIPT,
    "controls.js": SCRIPT,
    "days.js": SCRIPT,
    "dialog.js": SCRIPT,
    "dom.js": SCRIPT,
    "events.js": SCRIPT,
    "icon.svg": IMAGE,
    "login.js": SCRIPT,
    "main.js": SCRIPT,
    "model.js": SCRIPT,
    "overview.js": SCRIPT,
    "probes.js": SCRIPT,
    "status.js": SCRIPT,
    "style.css": STYLE,
    "words.js": SCRIPT,
};

/// The page that makes use of them.
const DASHBOARD: &str = include_str!("../../assets/index.html");

/// What is served of them.
struct Assets {
    place: String,
    dashboard: Page,
    files: BTreeMap<&'static str, Page>,
}

/// Made when somebody asks for the first time: most runners have no one who looks at them.
static ASSETS: LazyLock<Assets> = LazyLock::new(|| {
    let mut digest = Sha256::new();
    for (name, _, bytes) in FILES {
        digest.update(name);
        digest.update(bytes);
    }
    let mut named: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    named.truncate(NAMED);
    let place = format!("/assets/{named}");
    let html = DASHBOARD.replace(PLACE, &place);
    let file = |kind, bytes: &[u8]| {
        let page = Page::fixed(HeaderValue::from_static(kind), bytes.to_vec());
        page.telling(header::CACHE_CONTROL, IMMUTABLE).telling(header::VARY, ENCODED)
    };
    Assets {
        dashboard: Page::fixed(HTML, html.into_bytes()).telling(header::CONTENT_SECURITY_POLICY, POLICY),
        files: FILES.into_iter().map(|(name, kind, bytes)| (name, file(kind, bytes))).collect(),
        place,
    }
});

/// A file is the same whatever was welcome, but for its compression.
const ENCODED: HeaderValue = HeaderValue::from_static("accept-encoding");

/// The address of the folder that the files are in, without a slash at its end.
pub(super) fn place() -> &'static str {
    &ASSETS.place
}

/// The dashboard. There is nothing in it but what is in the binary, so it takes no token: it asks for one.
pub(super) fn dashboard() -> &'static Page {
    &ASSETS.dashboard
}

/// One of the files. Those of another runner's folder are not here, whatever they are called.
pub(super) async fn file(
    State(app): State<std::sync::Arc<App>>,
    Path((digest, file)): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let is_ours = place().strip_prefix("/assets/") == Some(&digest);
    match ASSETS.files.get(file.as_str()).filter(|_| is_ours) {
        Some(page) => page.answer(&headers),
        None => problem::no_such_route(State(app), uri).await.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;

    /// The most that the dashboard may come to, compressed: a second on a slow line.
    const MOST: usize = 100_000;

    fn folder() -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("assets")
    }

    #[test]
    fn the_dashboard_is_small() {
        let sent: usize = ASSETS.files.values().chain([&ASSETS.dashboard]).map(Page::length).sum();
        println!("the dashboard comes to {sent} bytes, compressed");
        assert!(sent < MOST, "{sent}");
    }

    #[test]
    fn every_file_is_served_and_preloaded() {
        let there: BTreeSet<String> = fs::read_dir(folder())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name != "index.html")
            .collect();
        assert_eq!(there, FILES.iter().map(|(name, ..)| (*name).to_owned()).collect());
        // A module that is found by reading another one costs a round trip more.
        for (name, ..) in FILES.iter().filter(|(name, kind, _)| *kind == SCRIPT && *name != "status.js") {
            assert!(DASHBOARD.contains(&format!("{{assets}}/{name}")), "{name}");
        }
    }

    #[test]
    fn nothing_is_asked_of_anybody_else_and_nothing_is_inline() {
        for (name, _, bytes) in FILES.into_iter().chain([("index.html", "", DASHBOARD.as_bytes())]) {
            let text = std::str::from_utf8(bytes).unwrap().replace("http://www.w3.org/2000/svg", "");
            for wrong in ["http://", "https://", "innerHTML", "eval(", "style=\"", "onclick=\"", "@import"] {
                assert!(!text.contains(wrong), "{name} has {wrong}");
            }
        }
    }
}
