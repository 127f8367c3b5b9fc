//! Metrics and traces, sent to a collector by OTLP over HTTP, as OpenTelemetry has it (<https://opentelemetry.io/docs/specs/otlp>).
//!
//! Metrics are those of `/metrics`, at intervals; each run is a span, with one below it for each of its phases. What can't be sent
//! waits, and what there is no room for is dropped and counted: a collector that is away costs memory up to a bound, and no run.

mod encode;
mod phases;
mod send;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};

use self::send::{Collector, Failure, Rejected};
use crate::{board::Board, config::Otlp, http::metrics_as_values, worker::Finished};

/// Spans that wait to be taken up; as many as OpenTelemetry's own processor holds (`OTEL_BSP_MAX_QUEUE_SIZE`).
const QUEUE: usize = 2_048;
/// Spans that are sent at once, likewise (`OTEL_BSP_MAX_EXPORT_BATCH_SIZE`).
const BATCH: usize = 512;
/// How long spans are gathered, likewise (`OTEL_BSP_SCHEDULE_DELAY`).
const GATHER: Duration = Duration::from_secs(5);
/// How long to wait after a failure, at first and at the most.
const BACKOFF: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(60));

/// What became of what was to be sent.
#[derive(Debug, Default)]
pub struct Tally {
    sent: AtomicU64,
    dropped: AtomicU64,
    failures: AtomicU64,
}

impl Tally {
    /// Spans that were sent, those that were dropped, and requests that failed.
    #[must_use]
    pub fn read(&self) -> (u64, u64, u64) {
        (self.sent.load(Relaxed), self.dropped.load(Relaxed), self.failures.load(Relaxed))
    }
}

/// Where runs that are over are handed in to become spans.
#[derive(Clone)]
pub struct Spans {
    queue: mpsc::Sender<Finished>,
    tally: Arc<Tally>,
}

impl Spans {
    /// Hands one in; it is dropped if there is no room.
    pub fn hand_in(&self, finished: Finished) {
        if self.queue.try_send(finished).is_err() {
            self.tally.dropped.fetch_add(1, Relaxed);
        }
    }
}

/// What sends.
pub struct Exporter {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Exporter {
    /// Sends what there is, and ends.
    pub async fn finish(self) {
        // It may have ended by itself, and then there is nothing to wait for.
        let _ = self.stop.send(());
        let _ = self.task.await;
    }
}

/// A way to hand in spans; it is there before the board is.
pub struct Starting {
    spans: mpsc::Receiver<Finished>,
    tally: Arc<Tally>,
}

/// Makes the way for spans, and what counts them.
#[must_use]
pub fn channel() -> (Spans, Arc<Tally>, Starting) {
    let (queue, spans) = mpsc::channel(QUEUE);
    let tally = Arc::new(Tally::default());
    (Spans { queue, tally: Arc::clone(&tally) }, Arc::clone(&tally), Starting { spans, tally })
}

impl Starting {
    /// Begins to send.
    #[must_use]
    pub fn start(self, config: &Otlp, board: Arc<Board>) -> Exporter {
        let sender = Sender {
            collector: Collector::new(config),
            traces: config.traces,
            metrics: config.metrics,
            board,
            batch: Vec::new(),
            tally: self.tally,
            wait: BACKOFF.0,
            not_before: None,
            complained: None,
            objected: None,
        };
        let (stop, stopping) = oneshot::channel();
        let task = tokio::spawn(sender.run(self.spans, stopping));
        Exporter { stop, task }
    }
}

struct Sender {
    collector: Collector,
    traces: bool,
    metrics: Option<Duration>,
    board: Arc<Board>,
    batch: Vec<Finished>,
    tally: Arc<Tally>,
    wait: Duration,
    not_before: Option<Instant>,
    /// What was said of the last failure, which is not said again.
    complained: Option<String>,
    /// What the collector said last of what it did not take, likewise.
    objected: Option<String>,
}

impl Sender {
    async fn run(mut self, mut spans: mpsc::Receiver<Finished>, mut stopping: oneshot::Receiver<()>) {
        let mut gathered = interval(GATHER);
        // One that is never due stands for none.
        let mut due = interval(self.metrics.unwrap_or(Duration::from_secs(u64::from(u32::MAX))));
        for interval in [&mut gathered, &mut due] {
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
            // The first tick comes at once, when there is nothing to send.
            interval.reset();
        }
        loop {
            tokio::select! {
                _ = &mut stopping => break,
                Some(finished) = spans.recv(), if self.traces && self.batch.len() < QUEUE => {
                    self.batch.push(finished);
                    if self.batch.len() >= BATCH && self.may_send() {
                        self.send_spans().await;
                    }
                }
                _ = gathered.tick() => {
                    if !self.batch.is_empty() && self.may_send() {
                        self.send_spans().await;
                    }
                }
                _ = due.tick(), if self.metrics.is_some() => self.send_metrics().await,
                () = sleep_until(self.not_before.unwrap_or_else(Instant::now)), if self.not_before.is_some() => {
                    self.not_before = None;
                    if !self.batch.is_empty() {
                        self.send_spans().await;
                    }
                }
            }
        }
        spans.close();
        while let Some(finished) = spans.recv().await {
            if self.traces && self.batch.len() < QUEUE {
                self.batch.push(finished);
            }
        }
        if !self.batch.is_empty() {
            self.send_spans().await;
        }
        if self.metrics.is_some() {
            self.send_metrics().await;
        }
    }

    fn may_send(&self) -> bool {
        self.not_before.is_none()
    }

    async fn send_spans(&mut self) {
        while !self.batch.is_empty() {
            let count = self.batch.len().min(BATCH);
            let body = encode::spans(&self.board, &self.batch[..count]);
            match self.collector.post("/v1/traces", body).await {
                Ok(rejected) => {
                    // Spans of phases may be among them.
                    let dropped = rejected.count.min(count as u64);
                    self.tally.dropped.fetch_add(dropped, Relaxed);
                    self.tally.sent.fetch_add(count as u64 - dropped, Relaxed);
                    self.well(&rejected);
                }
                Err(failure) if failure.passing => {
                    // Whoever says when to come again is not asked before.
                    let wait = failure.retry_after.map_or(self.wait, |after| after.max(self.wait));
                    self.failed(failure);
                    self.not_before = Some(Instant::now() + wait);
                    self.wait = (self.wait * 2).min(BACKOFF.1);
                    return;
                }
                Err(failure) => {
                    self.tally.dropped.fetch_add(count as u64, Relaxed);
                    self.failed(failure);
                }
            }
            self.batch.drain(..count);
        }
    }

    async fn send_metrics(&mut self) {
        let board = Arc::clone(&self.board);
        // With many checks it takes longer than others may be kept waiting.
        let parts = tokio::task::spawn_blocking(move || encode::metrics(&board, &metrics_as_values(&board))).await;
        for body in parts.unwrap_or_default() {
            match self.collector.post("/v1/metrics", body).await {
                Ok(rejected) => self.well(&rejected),
                // What is left is told the next time, as it is then.
                Err(failure) => return self.failed(failure),
            }
        }
    }

    fn well(&mut self, rejected: &Rejected) {
        self.wait = BACKOFF.0;
        let name = self.collector.name();
        if self.complained.take().is_some() {
            tracing::info!("OTLP: {name} takes what is sent again");
        }
        let Rejected { count, message } = rejected;
        if (*count > 0 || !message.is_empty()) && self.objected.as_ref() != Some(message) {
            tracing::warn!("OTLP: {name} did not take {count} of what was sent: {message}");
            self.objected = Some(message.clone());
        }
    }

    fn failed(&mut self, Failure { message, .. }: Failure) {
        self.tally.failures.fetch_add(1, Relaxed);
        if self.complained.as_ref() != Some(&message) {
            tracing::warn!("OTLP: {message}");
            self.complained = Some(message);
        }
    }
}
