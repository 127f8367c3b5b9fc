//! A check's use of its probe: what a worker calls to examine the target.

use std::{
    borrow::Cow,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use probity_core::outcome::{Attempt, Fault, FaultKind, Outcome, Trace};
use serde_json::Value;

use super::standard;
use crate::{
    board::Board,
    config::{Check, Plan},
    engine::{Engine, Follow, Lines, Manifest, Opening, Prepared, Redactor, Request, Session, Term, Tls},
    grant::{Grant, Granter, Grants},
    worker::{Attempting, Closing, Examine},
};

/// What a probe may take to take leave of its target: a target that is worth a polite word hears it in less, and whoever
/// wants to stop does not want to wait.
const LEAVE: Duration = Duration::from_secs(2);
/// By how much the age of a connection varies, as a share of it: those that were opened together are not all opened anew
/// together.
const AGE_JITTER: f64 = 0.1;

/// Examines a target by a probe in the sandbox.
pub struct Examiner {
    engine: Arc<Engine>,
    prepared: Arc<Prepared>,
    check: Arc<Check>,
    name: Arc<str>,
    /// The settings as the probe gets them.
    json: Box<str>,
    /// Hides what of them is secret.
    redact: Redactor,
    timeout: Duration,
    grants: Arc<Grants>,
    tls: Tls,
    /// Where its probe finds what is known of others; `None` is nowhere.
    board: Option<Arc<Board>>,
    /// How long a connection may be kept open.
    max_age: Option<Duration>,
    /// The connection that is open between attempts. An attempt takes it out, and puts it back if it is still good: one that
    /// is dropped on the way leaves nothing here that is half used.
    open: Mutex<Option<Open>>,
    /// What the probe finds wrong with its settings, once it has been asked.
    refused: OnceLock<Option<Fault>>,
    /// Where what it logs is put down too.
    lines: Option<Lines>,
    /// Whether somebody records its runs.
    traced: bool,
}

/// A connection that is open, and when it is to be opened anew.
struct Open {
    session: Box<Session>,
    until: Option<Instant>,
}

impl Examiner {
    /// Puts a probe to the use that a check has for it.
    #[must_use]
    pub fn new(
        engine: Arc<Engine>,
        prepared: Arc<Prepared>,
        name: Arc<str>,
        check: &Arc<Check>,
        plan: &Plan,
        board: Option<Arc<Board>>,
    ) -> Examiner {
        Examiner {
            grants: Arc::new(Grants::new(grants(check, Some(&prepared)), Arc::clone(&check.policy))),
            tls: engine.tls(&check.tls),
            name,
            json: check.settings.filled().to_string().into(),
            redact: redactor(Arc::clone(check)),
            check: Arc::clone(check),
            timeout: plan.timeout,
            max_age: plan.max_age,
            open: Mutex::default(),
            refused: OnceLock::new(),
            board,
            lines: None,
            traced: false,
            engine,
            prepared,
        }
    }

    /// The same, each run being a span of a trace if somebody records it.
    #[must_use]
    pub fn traced(self, traced: bool) -> Examiner {
        Examiner { traced, ..self }
    }

    /// The same, its grants being said there.
    #[must_use]
    pub fn granted_in(self, granter: Granter) -> Examiner {
        Examiner { grants: Arc::new(Grants::clone(&self.grants).said_in(granter)), ..self }
    }

    /// The same, with what the probe logs put down there too.
    #[must_use]
    pub fn heard_by(self, lines: Lines) -> Examiner {
        Examiner { lines: Some(lines), ..self }
    }

    /// What the probe finds wrong with its settings; asked once, and true for as long as neither changes.
    pub async fn refused(&self) -> Option<Fault> {
        if let Some(refused) = self.refused.get() {
            return refused.clone();
        }
        let fault = match self.engine.validate(&self.prepared, &self.json).await {
            Ok(None) => None,
            Ok(Some(problems)) => {
                let message = format!("the probe does not accept its settings: {problems}");
                Some(Fault::new(FaultKind::InvalidSettings, self.check.settings.redact(&message)))
            }
            Err((kind, message)) => {
                let message = format!("the probe failed when it was asked about its settings: {message}");
                Some(Fault::new(kind, self.check.settings.redact(&message)))
            }
        };
        self.refused.get_or_init(|| fault).clone()
    }

    async fn examine(&self, state: &[u8]) -> Attempt {
        let trace = self.traced.then(|| Trace { id: fastrand::u128(1..), span: fastrand::u64(1..) });
        let traceparent = trace.map(|trace| trace.to_string().into());
        let attempt = self.examine_in(state, traceparent.as_ref()).await;
        Attempt { trace, ..attempt }
    }

    async fn examine_in(&self, state: &[u8], traceparent: Option<&Arc<str>>) -> Attempt {
        if let Some(fault) = self.refused().await {
            return fault.into();
        }
        let request = Request {
            check: &self.name,
            settings: &self.json,
            attempt: 1,
            state,
            limits: self.check.limits,
            grants: &self.grants,
            tls: Some(&self.tls),
            board: self.board.as_ref(),
            redact: &self.redact,
            follow: Follow { traceparent, log: self.lines.as_ref() },
        };
        // One for the whole run: whatever it takes to come to a verdict, all of it counts.
        let term = Term::of(self.timeout);
        if self.prepared.keeps_connection() {
            self.examine_live(request, term).await
        } else {
            self.engine.check(&self.prepared, request, term).await
        }
    }

    /// Opens the connection unless it is open, and examines the target over it.
    async fn examine_live(&self, request: Request<'_>, term: Term) -> Attempt {
        let kept = match self.take() {
            Some(old) if old.until.is_some_and(|until| until <= Instant::now()) => {
                self.leave(old.session, term.within(LEAVE)).await;
                None
            }
            kept => kept,
        };
        let open = match kept {
            Some(open) => open,
            None => match self.engine.open(&self.prepared, request, term).await {
                Opening::Open(session) => Open { session, until: self.draw_end() },
                Opening::Failed(attempt) => return *attempt,
            },
        };
        let (attempt, session) = open.session.check(request, term).await;
        match (&attempt.outcome, session) {
            (Outcome::Verdict(verdict), Some(session)) if verdict.status.is_up() => {
                self.keep(Open { session, until: open.until });
            }
            (_, Some(session)) => self.leave(session, term.within(LEAVE)).await,
            (_, None) => {}
        }
        attempt
    }

    async fn leave(&self, session: Box<Session>, term: Term) {
        session.close(self.check.limits.fuel, term).await;
    }

    /// When a connection that is opened now is to be opened anew.
    fn draw_end(&self) -> Option<Instant> {
        let age = self.max_age?.mul_f64(1.0 + AGE_JITTER * (2.0 * fastrand::f64() - 1.0));
        Instant::now().checked_add(age)
    }

    fn take(&self) -> Option<Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn keep(&self, open: Open) {
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = Some(open);
    }
}

fn redactor(check: Arc<Check>) -> Redactor {
    Redactor::new(move |text| match check.settings.redact(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(redacted) => redacted,
    })
}

impl Examine for Examiner {
    fn attempt<'a>(&'a self, state: &'a [u8]) -> Attempting<'a> {
        Box::pin(self.examine(state))
    }

    fn close(&self) -> Closing<'_> {
        Box::pin(async {
            if let Some(open) = self.take() {
                self.leave(open.session, Term::of(self.timeout.min(LEAVE))).await;
            }
        })
    }
}

/// Stands in for a probe that there is none of.
pub struct Absent(pub Fault);

impl Examine for Absent {
    fn attempt<'a>(&'a self, _: &'a [u8]) -> Attempting<'a> {
        Box::pin(std::future::ready(self.0.clone().into()))
    }
}

/// All that a check may reach: what the operator allows, and what the probe's manifest makes of the operator's settings, unless
/// the operator wants nothing made of them.
#[must_use]
pub fn grants(check: &Check, prepared: Option<&Prepared>) -> Vec<Grant> {
    let mut grants = check.allow.clone();
    if let Some((prepared, manifest)) = prepared.and_then(|prepared| Some((prepared, prepared.manifest.as_ref()?)))
        && check.policy.implicit_grants
    {
        // What is dropped in may be a stranger's; the standard probes are what their names say.
        let is_ours = standard::is_standard(&prepared.digest);
        grants.extend(implied(check, manifest).into_iter().filter(|grant| is_ours || !grant.is_of_system()));
    }
    grants
}

/// What the probe's manifest makes of the operator's settings.
#[must_use]
pub fn implied(check: &Check, manifest: &Manifest) -> Vec<Grant> {
    let written = check.settings.filled();
    let usual = with_defaults(written, &manifest.settings_schema);
    let mut grants = Vec::new();
    for template in &manifest.grants {
        match Grant::from_template(template, written, &usual) {
            Ok(filled) => grants.extend(filled),
            // The setting is at fault, and the probe itself will say so.
            Err(error) => tracing::debug!(check = check.name, "`{template}` grants nothing: {error}"),
        }
    }
    grants
}

/// The settings with the defaults of the schema's own properties in the place of those that are absent.
fn with_defaults(settings: &Value, schema: &Value) -> Value {
    let mut settings = settings.clone();
    if let (Some(present), Some(properties)) = (settings.as_object_mut(), schema["properties"].as_object()) {
        for (name, property) in properties {
            if let Some(default) = property.get("default") {
                present.entry(name).or_insert_with(|| default.clone());
            }
        }
    }
    settings
}
