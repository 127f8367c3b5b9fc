//! A document about all checks, rendered when it is asked for and not as it stands, and kept until it changes.
//!
//! One reader renders; all others take what there is. A board that changes all the time is rendered so seldom that it
//! costs a small share of one core, however many checks there are and however many ask.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwapOption;
use axum::{
    http::{HeaderMap, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
};
use probity_core::health::Phase;
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::{page::Page, problem::Problem, view::View};
use crate::board::Board;

/// A rendering is used for this long though nothing changed: what it says of the time is then a second old.
const FRESH: Duration = Duration::from_secs(1);
/// A rendering is used for at least this many times as long as it took to make: a tenth of one core goes to rendering.
const REST: u32 = 10;
/// A rendering that takes longer than this is made off the async threads (tokio's advice: 10 to 100 us between awaits).
const BRIEF: Duration = Duration::from_micros(100);

/// What a rendering comes to: the status of its answers, and their body.
pub(super) type Drawn = Result<(StatusCode, Vec<u8>), serde_json::Error>;

/// Writes a document.
pub(super) type Draw = fn(&View<'_>) -> Drawn;

/// What is rendered.
#[derive(Clone)]
pub(super) struct Document {
    /// Its media type.
    pub(super) media_type: HeaderValue,
    /// Whether it says the same, the time aside, for as long as the board does not change.
    pub(super) tagged: bool,
    /// What tells its tags from those of the same in other forms.
    pub(super) mark: &'static str,
    /// Writes it.
    pub(super) draw: Draw,
}

/// A document and its latest rendering.
pub(super) struct Rendered {
    board: Arc<Board>,
    document: Document,
    kept: ArcSwapOption<Kept>,
    /// Held by whoever renders.
    turn: Arc<Mutex<()>>,
}

struct Kept {
    page: Page,
    version: u64,
    phase: Phase,
    /// When the rendering began, since the runner's start.
    begun: Duration,
    /// How long it took.
    cost: Duration,
}

/// What can be done with a rendering.
#[derive(Debug, PartialEq, Eq)]
enum Standing {
    /// It can be served: nothing changed, or too little time has passed to render again.
    Good,
    /// It can be served by those who do not get to render it again.
    Stale,
    /// It must not be served: the runner became ready since, or is stopping.
    Wrong,
}

impl Kept {
    /// Whether it tells of the board at this version and of the runner in this phase.
    fn is_of(&self, version: u64, phase: Phase) -> bool {
        self.version == version && self.phase == phase
    }

    /// What can be done with it, the board being at this version and the runner in this phase, and up for so long.
    fn standing(&self, version: u64, phase: Phase, now: Duration) -> Standing {
        let age = now.saturating_sub(self.begun);
        let current = self.version == version && age < FRESH;
        if self.phase != phase {
            Standing::Wrong
        } else if current || age < self.cost * REST {
            Standing::Good
        } else {
            Standing::Stale
        }
    }
}

impl Rendered {
    pub(super) fn new(board: Arc<Board>, document: Document) -> Rendered {
        Rendered { board, document, kept: ArcSwapOption::empty(), turn: Arc::default() }
    }

    /// Answers a request that came with these headers.
    pub(super) async fn answer(self: &Arc<Self>, headers: &HeaderMap) -> Response {
        if let Some(kept) = &*self.kept.load() {
            // However old it is: nothing but the time that it tells would be another.
            if kept.is_of(self.board.version(), self.board.phase())
                && let Some(unchanged) = kept.page.unchanged(headers)
            {
                return unchanged;
            }
            if self.standing(kept) == Standing::Good && !kept.page.is_to_be_compressed(headers) {
                return kept.page.answer(headers);
            }
        }
        // In a box, so that those who are answered from memory carry no room for it.
        Box::pin(self.answer_anew(headers)).await
    }

    async fn answer_anew(self: &Arc<Self>, headers: &HeaderMap) -> Response {
        match self.latest().await {
            Ok(kept) => {
                if kept.page.is_to_be_compressed(headers) {
                    let page = Arc::clone(&kept);
                    // If that is not done here, it is done below, at the cost of others.
                    let _ = tokio::task::spawn_blocking(move || page.page.compressed().is_some()).await;
                }
                kept.page.answer(headers)
            }
            Err(problem) => problem.into_response(),
        }
    }

    /// Renders for one request what `select` lets through of the board, and keeps nothing.
    pub(super) async fn made_for(
        self: &Arc<Self>,
        select: impl for<'a> FnOnce(View<'a>) -> Result<View<'a>, Problem> + Send + 'static,
    ) -> Result<Page, Problem> {
        let this = Arc::clone(self);
        let work = move || {
            let view = select(View::of(&this.board))?;
            Ok(this.page(&view)?)
        };
        tokio::task::spawn_blocking(work).await.map_err(|error| Problem::internal(&error))?
    }

    async fn latest(self: &Arc<Self>) -> Result<Arc<Kept>, Problem> {
        let turn = match self.kept.load_full().map(|kept| (self.standing(&kept), kept)) {
            Some((Standing::Good, kept)) => return Ok(kept),
            Some((Standing::Stale, kept)) => match Arc::clone(&self.turn).try_lock_owned() {
                Ok(turn) => turn,
                Err(_) => return Ok(kept),
            },
            Some((Standing::Wrong, _)) | None => Arc::clone(&self.turn).lock_owned().await,
        };
        // Whoever had the turn before may have done the work.
        match self.kept.load_full() {
            Some(kept) if self.standing(&kept) == Standing::Good => Ok(kept),
            last => self.render(turn, last.is_some_and(|last| last.cost < BRIEF)).await,
        }
    }

    fn standing(&self, kept: &Kept) -> Standing {
        kept.standing(self.board.version(), self.board.phase(), self.board.uptime())
    }

    /// The turn goes with the work, which comes to its end though the reader who began it may leave.
    async fn render(self: &Arc<Self>, turn: OwnedMutexGuard<()>, brief: bool) -> Result<Arc<Kept>, Problem> {
        let this = Arc::clone(self);
        let work = move || {
            let kept = this.draw().map(Arc::new);
            if let Ok(kept) = &kept {
                this.kept.store(Some(Arc::clone(kept)));
            }
            drop(turn);
            kept
        };
        if brief {
            return Ok(work()?);
        }
        Ok(tokio::task::spawn_blocking(work).await.map_err(|error| Problem::internal(&error))??)
    }

    fn draw(&self) -> Result<Kept, serde_json::Error> {
        let begun = self.board.uptime();
        let view = View::of(&self.board);
        let page = self.page(&view)?;
        let cost = self.board.uptime().saturating_sub(begun);
        Ok(Kept { page, version: view.version, phase: view.phase, begun, cost })
    }

    fn page(&self, view: &View<'_>) -> Result<Page, serde_json::Error> {
        let (status, body) = (self.document.draw)(view)?;
        let tag = self.document.tagged.then(|| self.tag(view.version)).flatten();
        Ok(Page::new(status, self.document.media_type.clone(), tag, body))
    }

    /// The name of what this document says at a version. Versions begin again with each start of the runner, so the
    /// moment of the start is part of it. It is weak: of the time, the same name may stand for different words.
    fn tag(&self, version: u64) -> Option<HeaderValue> {
        let started = self.board.started.as_nanosecond();
        HeaderValue::try_from(format!("W/\"{started:x}-{version:x}{}\"", self.document.mark)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::{Standing::*, *};

    #[test]
    fn a_rendering_is_replaced_when_it_is_not_as_it_stands_and_the_last_one_has_been_paid_for() {
        let at = Duration::from_millis;
        let kept = |cost| Kept {
            page: Page::new(StatusCode::OK, HeaderValue::from_static("a/b"), None, vec![]),
            version: 7,
            phase: Phase::Running,
            begun: at(5_000),
            cost: at(cost),
        };
        let table = [
            // As it was.
            (kept(1), 7, at(5_001), Good),
            (kept(1), 7, at(5_999), Good),
            // The time it tells is old.
            (kept(1), 7, at(6_000), Stale),
            (kept(101), 7, at(6_000), Good),
            // A check changed.
            (kept(1), 8, at(5_009), Good),
            (kept(1), 8, at(5_010), Stale),
            (kept(60), 8, at(5_599), Good),
            (kept(60), 8, at(5_600), Stale),
        ];
        for (case, (kept, version, now, standing)) in table.into_iter().enumerate() {
            assert_eq!(kept.standing(version, Phase::Running, now), standing, "case {case}");
            assert_eq!(kept.standing(version, Phase::Stopping, now), Wrong, "case {case}");
        }
    }
}
