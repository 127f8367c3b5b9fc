//! Which checks a request is about, and how much of them: the query that Kubernetes has for its own routes of health.

use axum::{
    extract::{FromRequestParts, Query},
    http::request::Parts,
};
use utoipa::IntoParams;

use super::{problem::Problem, schema, view::View};
use crate::config::is_name;

/// Which checks a request is about, and whether it wants to see each of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Selection {
    /// Whether to tell of each check in a line of its own, as text. `?verbose` alone is enough.
    #[param(value_type = Option<bool>, allow_reserved)]
    pub(super) verbose: bool,
    /// The name of a check, or of a part of the runner (`startup`, `shutdown`, `store`), that is to be left out of account. May be
    /// given several times. A name of nothing is no error, but is told among the lines of `verbose`.
    #[param(schema_with = schema::names, required = false)]
    pub(super) exclude: Vec<String>,
    /// The only group whose checks are of interest.
    #[param(required = false)]
    pub(super) group: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for Selection {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Selection, Problem> {
        if parts.uri.query().is_none() {
            return Ok(Selection::default());
        }
        let Query(pairs): Query<Vec<(String, String)>> = Query::from_request_parts(parts, state)
            .await
            .map_err(|rejection| Problem::invalid_value("query", rejection.body_text()))?;
        let mut selection = Selection::default();
        let mut verbose = None;
        for (key, value) in pairs {
            match &*key {
                "verbose" if verbose.is_some() => return Err(twice("verbose")),
                "verbose" => {
                    verbose = Some(match &*value {
                        "" | "1" | "true" => true,
                        "0" | "false" => false,
                        _ => {
                            return Err(Problem::invalid_value(
                                "verbose",
                                "must be true or false; `?verbose` alone is true",
                            ));
                        }
                    });
                }
                "exclude" if is_name(&value) => selection.exclude.push(value),
                "exclude" => {
                    let why = "must be the name of a check or of a part of the runner: lower-case letters, digits, `-`, `_` and `.`";
                    return Err(Problem::invalid_value("exclude", why));
                }
                "group" if selection.group.is_some() => return Err(twice("group")),
                "group" => selection.group = Some(value),
                // As Kubernetes does: it has more of them, which mean nothing here.
                _ => {}
            }
        }
        Ok(Selection { verbose: verbose.unwrap_or_default(), ..selection })
    }
}

fn twice(field: &'static str) -> Problem {
    Problem::invalid_value(field, "may be given once")
}

impl Selection {
    /// The same, of the checks of one group.
    ///
    /// # Errors
    ///
    /// Another group is selected already.
    pub(super) fn of_group(self, group: String) -> Result<Selection, Problem> {
        match self.group {
            Some(other) if other != group => {
                let why = format!("the path is about the group `{group}` alone; `/health?group=` asks for another");
                Err(Problem::invalid_value("group", why))
            }
            _ => Ok(Selection { group: Some(group), ..self }),
        }
    }

    /// Whether it is about all checks.
    pub(super) fn is_of_all(&self) -> bool {
        self.exclude.is_empty() && self.group.is_none()
    }

    /// What is seen of the board by whoever asks so.
    ///
    /// # Errors
    ///
    /// There is no such group. To leave out a check that is not there is no error: it may have been removed just now. The view
    /// tells of it.
    pub(super) fn of<'a>(&self, view: View<'a>) -> Result<View<'a>, Problem> {
        if let Some(group) = &self.group
            && !view.checks.iter().any(|check| check.info.group.as_deref() == Some(group))
        {
            return Err(Problem::unknown_group(group, view.board));
        }
        Ok(view.only(self.group.as_deref(), &self.exclude))
    }
}
