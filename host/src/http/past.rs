//! What pages and badges tell of the past, as far as this runner keeps a history.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    App,
    history::{Days, UptimeOf, Window, apart, uptime_of},
    problem::Problem,
};
use crate::store::Stretches;

/// Days that a page shows one by one.
pub(super) const DAYS: u32 = 90;
/// All of them together.
const WINDOW: &str = "90d";

/// The percentage of the known time of this window in which a target was of use; `None` within: nothing is known of it. `None`:
/// there is no history, or none that can be read now.
pub(super) async fn availability(app: &Arc<App>, check: &str, window: &str) -> Result<Option<Option<f64>>, Problem> {
    let window = Window::read(window)?;
    let Some(store) = app.board.store().cloned() else {
        return Ok(None);
    };
    let (check, now) = (check.to_owned(), app.board.wall());
    let read = move || store.stretches(&check, &[(window.level, window.from(now))], now);
    let found = apart(app, read).await?.map(|found| found.and_then(|mut found| found.pop()));
    let share = |found: Stretches| found.total.availability().map(|share| share * 100.0);
    Ok(found.ok().map(|found| found.and_then(share)))
}

/// How much of the last [`DAYS`] each of these checks was of use, and day by day. Those of which nothing can be read are missing. It
/// reads the disk, so it is for threads that may wait.
pub(super) fn of_days<'a>(app: &App, names: impl Iterator<Item = &'a str>) -> BTreeMap<&'a str, UptimeOf> {
    let (Some(store), Ok(window)) = (app.board.store(), Window::read(WINDOW)) else { return BTreeMap::new() };
    let (windows, now) = ([window], app.board.wall());
    names.filter_map(|name| Some((name, uptime_of(store, name, &windows, Days(DAYS), now).ok()?))).collect()
}
