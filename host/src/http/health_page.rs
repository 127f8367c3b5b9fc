//! Health as a page, for those who look at a route of it with a browser: the same as in JSON, in a table that needs no style and
//! no script to be read, by eye or by ear.

use std::fmt::{self, Display, Write};

use probity_core::outcome::Run;

use super::{
    entry::reason,
    forms::other,
    health::{message, status},
    markup::Escaped,
    rendered::{Document, Drawn},
    view::View,
    words::in_words,
};
use crate::board::CheckState;

/// Health as a page.
pub(super) const DOCUMENT: Document = other("text/html; charset=utf-8", "-p", draw);

fn draw(view: &View<'_>) -> Drawn {
    let mut page = String::new();
    // A text takes whatever is written to it.
    let _ = write(&mut page, view);
    Ok((status(view.overall), page.into_bytes()))
}

fn write(page: &mut String, view: &View<'_>) -> fmt::Result {
    let (status, node) = (view.overall.as_str(), Escaped(&view.board.node_id));
    write!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{status} - {node}</title>\n</head>\n<body>\n<main>\n<h1>{node} is {status}</h1>\n<p role=\"status\">{}</p>\n",
        Escaped(&message(view)),
    )?;
    if !view.checks.is_empty() {
        page.push_str("<table border=\"1\" cellpadding=\"4\">\n<caption>Checks</caption>\n<thead>\n<tr>");
        for heading in ["Check", "Status", "Group", "Message", "Latency", "Last run"] {
            write!(page, "<th scope=\"col\">{heading}</th>")?;
        }
        page.push_str("</tr>\n</thead>\n<tbody>\n");
        for check in &view.checks {
            write_row(page, check)?;
        }
        page.push_str("</tbody>\n</table>\n");
    }
    write!(
        page,
        "</main>\n<footer>\n<p>Probity {}, up for {}.</p>\n</footer>\n</body>\n</html>\n",
        env!("CARGO_PKG_VERSION"),
        in_words(view.uptime)
    )
}

fn write_row(page: &mut String, check: &CheckState) -> fmt::Result {
    let (info, last) = (&check.info, check.snapshot.last.as_deref());
    // A name has nothing in it that would have to be escaped.
    write!(page, "<tr><th scope=\"row\"><a href=\"/health/checks/{0}\">{0}</a></th>", info.name)?;
    let critical = if info.critical { ", critical" } else { "" };
    write!(page, "<td>{}{critical}</td>", check.snapshot.counts_as().as_str())?;
    write!(page, "<td>{}</td>", Escaped(info.group.as_deref().unwrap_or_default()))?;
    write!(page, "<td>{}</td>", Escaped(reason(check)))?;
    match last {
        Some(run) => writeln!(page, "<td>{:.1?}</td><td>{}</td></tr>", run.latency(), ended(run)),
        None => writeln!(page, "<td></td><td></td></tr>"),
    }
}

/// To the second: nobody reads more.
fn ended(run: &Run) -> impl Display {
    let second = jiff::Timestamp::from_second(run.ended().as_second()).unwrap_or(run.ended());
    format!("<time>{second}</time>")
}
