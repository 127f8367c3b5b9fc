//! Several things at once, on one thread: what drives futures, and what joins them.
//!
//! Whatever of this crate waits has a form that ends in `_async` and returns a future: [`net::resolve_async`], [`net::dial_async`],
//! [`tcp::Stream::connect_async`], [`tls::Stream::secure_async`], [`udp::Socket::receive_async`], [`http::send_async`] and so on. Each
//! keeps to its deadline by itself, and [`block_on`] to that of all of it:
//!
//! ```
//! use probity_guest::{Attempt, Error, Failure, Verdict, net, nonblocking};
//!
//! fn check(attempt: &mut Attempt) -> Result<Verdict, Failure> {
//!     // Both are dialled at once, and the phase takes no longer than the slower one.
//!     let (primary, standby) = attempt.phase("connect", |deadline| {
//!         nonblocking::block_on(deadline, async {
//!             let primary = net::dial_async("primary.internal", 5432, deadline);
//!             let standby = net::dial_async("standby.internal", 5432, deadline);
//!             Ok::<_, Error>(nonblocking::join(primary, standby).await)
//!         })
//!     })?;
//!     match standby {
//!         Ok(_) => Ok(Verdict::healthy(format!("{} and its standby answer", primary?.remote()))),
//!         Err(error) => Ok(Verdict::degraded(format!("no standby: {error}"))),
//!     }
//! }
//! ```
//!
//! Futures are woken as any are, so that the combinators of other crates serve as well. The crate `wstd` is not what this is built
//! on: it has neither UDP nor TLS nor deadlines, and brings bindings of its own, whose streams are other types than those of the contract.

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    pin::{Pin, pin},
    rc::{Rc, Weak},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use crate::{
    Cause, Error,
    bindings::wasi::{
        clocks::monotonic_clock,
        io::poll::{Pollable, poll},
    },
    clock::{Deadline, Instant},
};
#[cfg(doc)]
use crate::{http, net, tcp, tls, udp};

thread_local! {
    /// All that somebody waits for. Who does not wait any more has dropped it: what an event is one of must never go before it.
    static AWAITED: RefCell<Vec<Weak<Event>>> = const { RefCell::new(Vec::new()) };
}

/// Something that a future waits for.
struct Event {
    pollable: Pollable,
    happened: Cell<bool>,
    waker: RefCell<Waker>,
}

/// Whether the future that is driven is to be polled.
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Drives a future to its end, or to the deadline.
///
/// # Errors
///
/// Its own; [`Cause::TimedOut`] if it waits longer than that.
pub fn block_on<T, E: From<Error>>(deadline: Deadline, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    let begun = Instant::now();
    let woken = Arc::new(Woken(AtomicBool::new(true)));
    let waker = Waker::from(Arc::clone(&woken));
    let mut work = pin!(work);
    let alarm = deadline.alarm();
    let mut is_over = false;
    loop {
        if woken.0.swap(false, Ordering::Relaxed)
            && let Poll::Ready(done) = work.as_mut().poll(&mut Context::from_waker(&waker))
        {
            return done;
        }
        // Whoever waited until the deadline has had its say by now, which tells more.
        if is_over {
            return Err(Error::new("waiting for several things at once", Cause::TimedOut(begun.elapsed())).into());
        }
        is_over = wait(&alarm, woken.0.load(Ordering::Relaxed));
    }
}

/// Waits until something happens that is awaited, and wakes whoever awaits it; with `at_once` it only looks. Whether the alarm is
/// among what has happened.
fn wait(alarm: &Pollable, at_once: bool) -> bool {
    let awaited: Vec<Rc<Event>> = AWAITED.with_borrow(|all| all.iter().filter_map(Weak::upgrade).collect());
    let now = at_once.then(|| monotonic_clock::subscribe_instant(0));
    let pollables: Vec<&Pollable> = awaited.iter().map(|event| &event.pollable).chain(&now).chain([alarm]).collect();
    let ready = poll(&pollables);
    for index in &ready {
        if let Some(event) = awaited.get(*index as usize) {
            event.happened.set(true);
            event.waker.borrow().wake_by_ref();
        }
    }
    AWAITED.with_borrow_mut(|all| all.retain(|event| event.upgrade().is_some_and(|event| !event.happened.get())));
    ready.contains(&(pollables.len() as u32 - 1))
}

/// Waits until something happens.
async fn happens(pollable: Pollable) {
    let mut event: Option<Rc<Event>> = None;
    let mut pollable = Some(pollable);
    poll_fn(move |context| {
        let Some(event) = &event else {
            if let Some(pollable) = pollable.take() {
                let waker = RefCell::new(context.waker().clone());
                let awaited = Rc::new(Event { pollable, happened: Cell::new(false), waker });
                AWAITED.with_borrow_mut(|all| all.push(Rc::downgrade(&awaited)));
                event = Some(awaited);
            }
            return Poll::Pending;
        };
        event.waker.borrow_mut().clone_from(context.waker());
        if event.happened.get() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

impl Deadline {
    /// Repeats `step` until it yields something, and waits for `event` between the tries.
    ///
    /// # Errors
    ///
    /// That of `step`, or [`Cause::TimedOut`].
    pub(crate) async fn until_async<T, E>(
        self,
        event: impl Fn() -> Pollable,
        mut step: impl FnMut() -> Result<Option<T>, E>,
    ) -> Result<T, Cause>
    where
        Cause: From<E>,
    {
        let begun = Instant::now();
        loop {
            if let Some(done) = step()? {
                return Ok(done);
            }
            let first = race(happens(event()), happens(self.alarm())).await;
            if first == Winner::Second {
                return Err(Cause::TimedOut(begun.elapsed()));
            }
        }
    }

    /// Waits until then.
    pub async fn pass_async(self) {
        happens(self.alarm()).await;
    }
}

/// Waits for so long. The deadline of whoever drives it comes first.
pub async fn sleep(span: Duration) {
    Deadline::after(span).pass_async().await;
}

#[derive(PartialEq, Eq)]
enum Winner {
    First,
    Second,
}

/// Which of two is done first.
async fn race(first: impl Future<Output = ()>, second: impl Future<Output = ()>) -> Winner {
    let (mut first, mut second) = (pin!(first), pin!(second));
    poll_fn(|context| {
        // Both have to be told whom to wake.
        let done = [first.as_mut().poll(context), second.as_mut().poll(context)];
        match done {
            [Poll::Ready(()), _] => Poll::Ready(Winner::First),
            [_, Poll::Ready(())] => Poll::Ready(Winner::Second),
            _ => Poll::Pending,
        }
    })
    .await
}

/// Waits for both, at once.
pub async fn join<A: Future, B: Future>(a: A, b: B) -> (A::Output, B::Output) {
    let (mut a, mut b) = (Joined::new(a), Joined::new(b));
    poll_fn(|context| {
        // Both are polled, whether or not the first one is done.
        if a.is_done(context) & b.is_done(context) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    match (a.done, b.done) {
        (Some(a), Some(b)) => (a, b),
        _ => unreachable!("both are done"),
    }
}

/// Waits for all of them, at once; what came of each is in their order.
pub async fn join_all<F: Future>(all: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut all: Vec<Joined<F>> = all.into_iter().map(Joined::new).collect();
    poll_fn(|context| {
        let waiting = all.iter_mut().filter_map(|one| (!one.is_done(context)).then_some(())).count();
        if waiting == 0 { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    all.into_iter().filter_map(|one| one.done).collect()
}

/// A future among others, until it is done.
struct Joined<F: Future> {
    future: Option<Pin<Box<F>>>,
    done: Option<F::Output>,
}

impl<F: Future> Joined<F> {
    fn new(future: F) -> Self {
        Self { future: Some(Box::pin(future)), done: None }
    }

    fn is_done(&mut self, context: &mut Context<'_>) -> bool {
        if let Some(future) = &mut self.future
            && let Poll::Ready(done) = future.as_mut().poll(context)
        {
            (self.future, self.done) = (None, Some(done));
        }
        self.future.is_none()
    }
}
