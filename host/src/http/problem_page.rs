//! What went wrong, for people: a page in place of problem details, where a browser was led by a link.

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{
    accept::preferred,
    assets,
    markup::Escaped,
    page::HTML,
    problem::{PROBLEM, Problem},
};

/// The forms that can be asked for, the first one being that of those who do not care.
const OFFERED: [&str; 2] = [PROBLEM, "text/html"];

/// Tells what went wrong with a request for the status page in the form that is more welcome.
pub(super) fn answer(problem: Problem, headers: &HeaderMap) -> Response {
    let page = (preferred(headers, &OFFERED) == Some(1)).then(|| draw(&problem));
    let mut response = problem.into_response();
    if let Some(page) = page {
        *response.body_mut() = page.into();
        response.headers_mut().insert(header::CONTENT_TYPE, HTML);
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, assets::POLICY);
    }
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
    response
}

fn draw(problem: &Problem) -> String {
    let (title, place) = (Escaped(problem.title()), assets::place());
    let (said, remedy) = match problem.status() {
        // What it says of a header is for programs: a browser that follows a link sends none.
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => (
            "This page is for those who may read, and a browser that follows a link shows no token.",
            "<a href=\"/\">Log in at the dashboard</a>, which tells the same and more. Who runs this can let everybody see \
             this page by <code>http.status_page.public = true</code>.",
        ),
        _ => (problem.detail(), "<a href=\"/status\">All that the status page shows</a>"),
    };
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n\
         <link rel=\"icon\" href=\"{place}/icon.svg\" type=\"image/svg+xml\">\n\
         <link rel=\"stylesheet\" href=\"{place}/style.css\">\n</head>\n<body>\n<main class=\"public\">\n\
         <header>\n<h1>{title}</h1>\n</header>\n<p>{}</p>\n<p>{remedy}</p>\n</main>\n</body>\n</html>\n",
        Escaped(said)
    )
}
