//! The forms in which health is told: our own JSON, that of the draft for `application/health+json`, a page for browsers, and
//! text for terminals and Kubernetes.

use std::sync::Arc;

use axum::{
    http::{HeaderMap, HeaderValue},
    response::{IntoResponse, Response},
};

use super::{
    App,
    accept::preferred,
    health_json, health_page, listing,
    page::JSON,
    rendered::{Document, Draw, Rendered},
    selection::Selection,
};
use crate::board::Board;

/// The forms that can be asked for, the first one being that of those who do not care.
const OFFERED: [&str; 4] = ["application/json", health_json::MEDIA_TYPE, "text/html", "text/plain"];

/// One of the forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Json,
    HealthJson,
    Page,
    Text,
}

/// The forms other than our own JSON, which are the same at every route that tells of all checks.
pub(super) struct Forms {
    health_json: Arc<Rendered>,
    page: Arc<Rendered>,
    brief: Arc<Rendered>,
    listing: Arc<Rendered>,
    readyz_brief: Arc<Rendered>,
    readyz_listing: Arc<Rendered>,
}

impl Forms {
    pub(super) fn new(board: &Arc<Board>) -> Forms {
        let rendered = |document| Arc::new(Rendered::new(Arc::clone(board), document));
        Forms {
            health_json: rendered(health_json::DOCUMENT),
            page: rendered(health_page::DOCUMENT),
            brief: rendered(listing::BRIEF),
            listing: rendered(listing::LISTING),
            readyz_brief: rendered(listing::READYZ_BRIEF),
            readyz_listing: rendered(listing::READYZ_LISTING),
        }
    }

    fn of(&self, form: Form, verbose: bool) -> Option<&Arc<Rendered>> {
        match form {
            Form::Json => None,
            Form::HealthJson => Some(&self.health_json),
            Form::Page => Some(&self.page),
            Form::Text if verbose => Some(&self.listing),
            Form::Text => Some(&self.brief),
        }
    }
}

/// Answers in the form that is most welcome; `ours` is the document for those who have no wish.
pub(super) async fn answer(app: &App, ours: &Arc<Rendered>, headers: &HeaderMap, selection: Selection) -> Response {
    let form = match preferred(headers, &OFFERED) {
        _ if selection.verbose => Form::Text,
        None | Some(0) => Form::Json,
        Some(1) => Form::HealthJson,
        Some(2) => Form::Page,
        Some(_) => Form::Text,
    };
    let document = app.forms.of(form, selection.verbose).unwrap_or(ours);
    told(app, document, headers, selection).await
}

/// Answers as `/readyz` does: in text, whatever else is welcome.
pub(super) async fn answer_readyz(app: &App, headers: &HeaderMap, selection: Selection) -> Response {
    let document = if selection.verbose { &app.forms.readyz_listing } else { &app.forms.readyz_brief };
    told(app, document, headers, selection).await
}

/// Answers by this document, of what is selected.
pub(super) async fn told(app: &App, document: &Arc<Rendered>, headers: &HeaderMap, selection: Selection) -> Response {
    if selection.is_of_all() {
        return document.answer(headers).await;
    }
    // In a box, so that those who ask for all carry no room for it.
    Box::pin(told_of_some(app, document, headers, selection)).await
}

async fn told_of_some(app: &App, document: &Arc<Rendered>, headers: &HeaderMap, selection: Selection) -> Response {
    // What is made for one is made by one at a time, so that many who ask do not keep others waiting.
    let _turn = app.selecting.lock().await;
    match document.made_for(move |view| selection.of(view)).await {
        Ok(page) => page.answer(headers),
        Err(problem) => problem.into_response(),
    }
}

/// A document in our own JSON.
pub(super) const fn ours(draw: Draw) -> Document {
    Document { media_type: JSON, tagged: true, mark: "", draw }
}

/// A document in another form of the same, whose tags are to differ by this mark.
pub(super) const fn other(media_type: &'static str, mark: &'static str, draw: Draw) -> Document {
    Document { media_type: HeaderValue::from_static(media_type), tagged: true, mark, draw }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_marks_differ() {
        let documents = [
            health_json::DOCUMENT,
            health_page::DOCUMENT,
            listing::BRIEF,
            listing::LISTING,
            listing::READYZ_BRIEF,
            listing::READYZ_LISTING,
        ];
        let marks: std::collections::BTreeSet<_> = documents.iter().map(|document| document.mark).collect();
        assert_eq!(marks.len(), documents.len());
        assert!(!marks.contains(""), "that is the one of our own JSON");
    }
}
