//! A connection that heals itself, for Rust programs: the same states, back-off, circuit and events as a check of the
//! runner has, over a health check that is a function of the program.

mod builder;
mod check;
mod error;
mod lease;
mod life;
mod listen;
mod registry;
mod stats;
#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc, time::Duration};

use probity_core::{
    circuit,
    connection::State,
    health::Mode,
    machine::{Acquired, Command, Unavailable},
    outcome::{Outcome, Verdict},
    snapshot::Snapshot,
};

use self::life::Life;
pub use self::{
    builder::{BuildError, Builder},
    error::Error,
    lease::Lease,
    listen::{Subscription, UnknownKind},
    stats::Stats,
};
use crate::worker::{Answer, Ask};

/// A connection to one target that is examined, lost and found again by itself. Clones are handles of the same connection:
/// when the last one is dropped it is disconnected, and what examined it stops.
///
/// ```
/// use std::sync::{
///     Arc,
///     atomic::{AtomicBool, Ordering},
/// };
///
/// use probity::{ConnectionManager, core::connection::State};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let up = Arc::new(AtomicBool::new(true));
/// let target = Arc::clone(&up);
/// let orders = ConnectionManager::builder("orders-db", move || {
///     let up = target.load(Ordering::Relaxed);
///     async move { if up { Ok(()) } else { Err("connection refused") } }
/// })
/// .build()?;
/// orders.on("unhealthy", |record| eprintln!("{record:?}"))?;
/// orders.connect().await?;
/// assert!(orders.is_healthy());
///
/// // It takes three failures in a row until a target counts as lost, unless told otherwise.
/// up.store(false, Ordering::Relaxed);
/// for _ in 0..3 {
///     orders.perform_health_check().await?;
/// }
/// assert_eq!(orders.state(), State::Reconnecting);
///
/// // Whoever wants to make use of a target that is lost has it looked for at once.
/// up.store(true, Ordering::Relaxed);
/// let lease = orders.acquire().await?;
/// let rows: Result<u32, std::io::Error> = Ok(3);
/// orders.report(lease, &rows).await?;
/// assert_eq!(orders.stats().totals.total_reconnections, 1);
///
/// orders.shutdown().await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ConnectionManager {
    life: Arc<Life>,
}

impl ConnectionManager {
    /// A connection under this name to whatever `check` examines. `check` is called for each examination, and so must not be
    /// in the way of others: it waits by `.await` alone. `Ok` is up, where `()` says no more, a
    /// [`Status`](probity_core::outcome::Status) how well, and a [`Verdict`] everything; `Err` is down, and is shown as it
    /// displays. No answer in time is down as well. A panic says nothing of the target: it is a fault of the kind `trap`.
    pub fn builder<C, F, T, E>(name: &str, check: C) -> Builder
    where
        C: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Into<Verdict>,
        E: fmt::Display,
    {
        Builder::new(name, check)
    }

    /// The one connection that all users of `key` share, which this makes if there is none. `make` says how, the first time
    /// (of several at the same time one counts): the settings are kept until somebody [forgets](Self::forget) them. If nobody holds the connection and it was not made
    /// use of for [so long](Builder::inactive_after), it is disconnected and dropped; whoever asks next gets a new one of the
    /// same settings.
    ///
    /// # Errors
    ///
    /// As of [`Builder::build`]; the settings are not kept then.
    pub fn shared(key: &str, make: impl FnOnce() -> Builder) -> Result<ConnectionManager, BuildError> {
        registry::shared(key, make)
    }

    /// Shuts the connection down that the users of `key` share, whoever holds it, and forgets its settings. `false`: there
    /// was none.
    pub async fn forget(key: &str) -> bool {
        registry::forget(key).await
    }

    /// The name it was given.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.life.name
    }

    /// Connects, unless it is connected or about to be; from now on the target is watched. Resolves once the target has been
    /// examined. To call it twice is to call it once.
    ///
    /// # Errors
    ///
    /// Why the connection is not there. The target is watched all the same, and is connected once it is found up.
    pub async fn connect(&self) -> Result<(), Error> {
        self.obey(Command::Connect).await?;
        let snapshot = self.snapshot();
        let why = match snapshot.connection.state() {
            State::Connected => return Ok(()),
            State::Connecting => Unavailable::Unknown,
            State::Reconnecting | State::Failed => Unavailable::Down,
            State::Disconnected if snapshot.mode == Mode::Disabled => Unavailable::Disabled,
            State::Disconnected => return Err(Error::Disconnected { name: self.life.name() }),
        };
        Err(self.unavailable(why, snapshot.due))
    }

    /// Disconnects: an examination that is under way is given up, and there is none until somebody asks.
    ///
    /// # Errors
    ///
    /// It was shut down.
    pub async fn disconnect(&self) -> Result<(), Error> {
        self.obey(Command::Disconnect).await
    }

    /// Examines the target now, whatever the circuit says, and also if it is not connected.
    ///
    /// # Errors
    ///
    /// It was disconnected or reset meanwhile, or shut down. That the target is down, or that the health check panicked, is an
    /// [`Outcome`].
    pub async fn perform_health_check(&self) -> Result<Outcome, Error> {
        let before = self.snapshot().last;
        self.life.ask(Ask::Run).await?;
        let last = self.snapshot().last;
        let is_new = |run: &Arc<_>| before.is_none_or(|before| !Arc::ptr_eq(&before, run));
        match last.filter(is_new) {
            Some(run) => Ok(run.outcome.clone()),
            None => Err(Error::Disconnected { name: self.life.name() }),
        }
    }

    /// Forgets all that was learned and counted, and begins as if just built: disconnected, unless it connects by itself.
    /// The mode stays.
    ///
    /// # Errors
    ///
    /// It was shut down.
    pub async fn reset(&self) -> Result<(), Error> {
        self.obey(Command::Reset).await
    }

    /// Asks to make use of the connection. One that is closed or lost is made again first, as far as its circuit lets it be.
    /// That takes an examination at most. What the call comes to should be [reported](Self::report).
    ///
    /// # Errors
    ///
    /// It is not to be had; why, and when to ask again.
    pub async fn acquire(&self) -> Result<Lease, Error> {
        match self.life.ask(Ask::Acquire).await? {
            Answer::Acquired(Acquired::Ready { generation }) => Ok(Lease::new(self.clone(), generation)),
            Answer::Acquired(Acquired::Refused { why, until }) => Err(self.unavailable(why, until)),
            // The worker answers only once it is known, so there is nobody to be known of any more.
            Answer::Acquired(Acquired::Wait) | Answer::Done => Err(Error::Disconnected { name: self.life.name() }),
        }
    }

    /// Tells what came of the call that the lease was taken for. It counts as an examination does, for the circuit as for
    /// the connection, unless the lease is dated: of another connection, or of the time before the circuit changed its state.
    /// The call counts as having taken as long as the lease was held.
    ///
    /// # Errors
    ///
    /// It was shut down.
    pub async fn report<T, E: fmt::Display>(&self, lease: Lease, outcome: &Result<T, E>) -> Result<(), Error> {
        if !Arc::ptr_eq(&self.life, &lease.manager.life) {
            return Ok(());
        }
        let ask = Ask::Report { generation: Some(lease.generation), run: Arc::new(lease.run(outcome)) };
        self.life.ask(ask).await.map(drop)
    }

    /// Decrees that the target counts as up or as down, or is not examined at all; or that what is found counts.
    ///
    /// # Errors
    ///
    /// It was shut down.
    pub async fn set_mode(&self, mode: Mode) -> Result<(), Error> {
        self.obey(Command::Mode(mode)).await
    }

    /// Opens or closes the circuit, has it find out, or sets for how long it stays open.
    ///
    /// # Errors
    ///
    /// It was shut down.
    pub async fn control_circuit(&self, command: circuit::Command) -> Result<(), Error> {
        self.obey(Command::Circuit(command)).await
    }

    /// Where the connection stands. To look is not to make use of it; so it is with all that is read.
    #[must_use]
    pub fn state(&self) -> State {
        self.life.slot.state().snapshot.connection.state()
    }

    /// Whether the target counts as being of use.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.life.slot.state().snapshot.counts_as().is_up()
    }

    /// What the connection has been through since it was built, or reset.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats::of(&self.snapshot(), self.life.uptime())
    }

    /// All that there is to know of it. Times in it are counted from when it was built.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.life.slot.state().snapshot.clone()
    }

    /// The connection was made use of without being asked for: it is not idle.
    pub fn touch(&self) {
        self.life.slot.touch(self.life.uptime());
    }

    /// Disconnects and stops for good, for all handles; resolves when that is done, and listeners have heard of it.
    pub async fn shutdown(&self) {
        self.life.shutdown().await;
    }

    async fn obey(&self, command: Command) -> Result<(), Error> {
        self.life.ask(Ask::Command(command)).await.map(drop)
    }

    fn unavailable(&self, why: Unavailable, until: Option<Duration>) -> Error {
        Error::Unavailable {
            name: self.life.name(),
            why,
            retry_after: until.map(|until| until.saturating_sub(self.life.uptime())),
            last: self.snapshot().last.map(|run| Arc::clone(run.outcome.message())),
        }
    }
}

impl fmt::Debug for ConnectionManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionManager").field("name", &self.life.name).field("state", &self.state()).finish()
    }
}
