//! Health as clients of gRPC ask for it: `grpc.health.v1.Health`, of the whole, of each check, and of each group.

use std::{collections::BTreeMap, pin::pin, sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::{Path, Request, State},
    http::header,
    response::{IntoResponse, Response},
};
use bytes::{Buf, BufMut};
use futures_util::stream;
use probity_core::health::{Health, Phase, Tally};
use tokio::time::sleep;
use tonic::{
    Status,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    server::Grpc,
};
use tower::service_fn;

use super::{App, auth::Reads, problem::Problem};
use crate::{board::Board, protobuf};

/// Where the methods of the service are.
pub(super) const ROUTE: &str = "/grpc.health.v1.Health/{method}";
/// What every request of gRPC has for a content type, or begins it with.
const CONTENT_TYPE: &str = "application/grpc";
/// What the name of a group's service begins with. No name of a check has this letter in it.
const GROUP: &str = "group:";
/// Bytes of a request: the longest name of a group, several times over.
const REQUEST: usize = 4096;
/// Services that are listed at the most; where there are more, the protocol has a status for it.
const LISTED: usize = 10_000;
/// How long changes pile up for those who watch: many come together.
const COALESCED: Duration = Duration::from_millis(100);

/// How a service is (`HealthCheckResponse.ServingStatus`, whose words these are).
#[expect(clippy::enum_variant_names, reason = "they are the protocol's")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Serving {
    Unknown = 0,
    Serving = 1,
    NotServing = 2,
    ServiceUnknown = 3,
}

/// What is answered.
enum Reply {
    /// `HealthCheckResponse`.
    One(Serving),
    /// `HealthListResponse`.
    All(BTreeMap<String, Serving>),
}

/// Answers a call of any method.
pub(super) async fn call(
    State(app): State<Arc<App>>,
    reads: Result<Reads, Problem>,
    Path(method): Path<String>,
    request: Request,
) -> Response {
    let asked = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if !asked.is_some_and(|kind| kind.starts_with(CONTENT_TYPE)) {
        return Problem::not_grpc().into_response();
    }
    if let Err(problem) = reads {
        return told(problem.into_status().into_http());
    }
    let mut grpc = Grpc::new(Messages).max_decoding_message_size(REQUEST);
    let answer = match &*method {
        "Check" => {
            let check = async |request: tonic::Request<String>| {
                let service = request.into_inner();
                match of_service(&app.board, &service) {
                    Serving::ServiceUnknown => Err(Status::not_found(format!("there is no service `{service}`"))),
                    serving => Ok(tonic::Response::new(Reply::One(serving))),
                }
            };
            grpc.unary(service_fn(check), request).await
        }
        "List" => {
            let list = async |_: tonic::Request<String>| all(&app.board).map(Reply::All).map(tonic::Response::new);
            grpc.unary(service_fn(list), request).await
        }
        "Watch" => {
            let watch =
                async |request: tonic::Request<String>| watch(&app, request.into_inner()).map(tonic::Response::new);
            grpc.server_streaming(service_fn(watch), request).await
        }
        _ => Status::unimplemented(format!("grpc.health.v1.Health has no method {method}")).into_http(),
    };
    told(answer)
}

fn told(answer: axum::http::Response<tonic::body::Body>) -> Response {
    answer.map(Body::new)
}

/// Tells how a service is, and again whenever that changes, until the runner stops.
fn watch(
    app: &Arc<App>,
    service: String,
) -> Result<impl futures_util::Stream<Item = Result<Reply, Status>> + Send + use<>, Status> {
    let room = Arc::clone(&app.followers).try_acquire_owned();
    let room = room.map_err(|_| Status::resource_exhausted("there are too many who watch or follow the events"))?;
    let state = (Arc::clone(&app.board), service, None, room);
    Ok(stream::unfold(state, async |(board, service, told, room)| {
        let serving = other_than(told, &board, &service).await?;
        Some((Ok(Reply::One(serving)), (board, service, Some(serving), room)))
    }))
}

/// How a service is, once that is something else than what was told; `None` if it will not be, as the runner is stopping.
async fn other_than(told: Option<Serving>, board: &Board, service: &str) -> Option<Serving> {
    loop {
        // To miss no change, this comes before looking.
        let mut changed = pin!(board.changed());
        changed.as_mut().enable();
        let stopping = board.phase() == Phase::Stopping;
        let serving = if stopping { Serving::NotServing } else { of_service(board, service) };
        if told != Some(serving) {
            return Some(serving);
        }
        if stopping {
            return None;
        }
        changed.await;
        sleep(COALESCED).await;
    }
}

/// How a service is: the empty name is the whole.
fn of_service(board: &Board, service: &str) -> Serving {
    if service.is_empty() {
        let (_, overall) = board.tally();
        return if overall.is_serving() { Serving::Serving } else { Serving::NotServing };
    }
    if let Some(group) = service.strip_prefix(GROUP) {
        let mut tally = Tally::default();
        for state in board.checks().values().map(|slot| slot.state()) {
            if state.info.group.as_deref() == Some(group) {
                tally.count(state.snapshot.counts_as(), state.info.critical);
            }
        }
        return of_group(board, &tally);
    }
    board.check(service).map_or(Serving::ServiceUnknown, |slot| of_check(slot.state().snapshot.counts_as()))
}

fn of_group(board: &Board, tally: &Tally) -> Serving {
    match tally.total {
        0 => Serving::ServiceUnknown,
        _ if tally.overall(board.phase()).is_serving() => Serving::Serving,
        _ => Serving::NotServing,
    }
}

fn of_check(health: Health) -> Serving {
    match health {
        Health::Healthy | Health::Degraded => Serving::Serving,
        Health::Unhealthy => Serving::NotServing,
        Health::Pending | Health::Unknown => Serving::Unknown,
    }
}

fn all(board: &Board) -> Result<BTreeMap<String, Serving>, Status> {
    let checks = board.checks();
    let mut groups: BTreeMap<Arc<str>, Tally> = BTreeMap::new();
    let mut all = BTreeMap::from([(String::new(), of_service(board, ""))]);
    for (name, slot) in &*checks {
        let state = slot.state();
        let health = state.snapshot.counts_as();
        all.insert(name.to_string(), of_check(health));
        if let Some(group) = &state.info.group {
            groups.entry(Arc::clone(group)).or_default().count(health, state.info.critical);
        }
    }
    all.extend(groups.iter().map(|(group, tally)| (format!("{GROUP}{group}"), of_group(board, tally))));
    if all.len() > LISTED {
        return Err(Status::resource_exhausted(format!("there are {} services, and {LISTED} are listed", all.len())));
    }
    Ok(all)
}

/// The messages of the service: what is asked is the name of a service, or nothing.
struct Messages;

impl Codec for Messages {
    type Encode = Reply;
    type Decode = String;
    type Encoder = Messages;
    type Decoder = Messages;

    fn encoder(&mut self) -> Messages {
        Messages
    }

    fn decoder(&mut self) -> Messages {
        Messages
    }
}

impl Encoder for Messages {
    type Item = Reply;
    type Error = Status;

    fn encode(&mut self, reply: Reply, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        let mut message = protobuf::Message::default();
        match reply {
            Reply::One(serving) => {
                message.number(1, serving as u64);
            }
            Reply::All(all) => {
                for (name, serving) in all {
                    // A map is a list of messages: the key, and the value.
                    message.message(1, |entry| {
                        entry.text(1, &name).message(2, |value| {
                            value.number(1, serving as u64);
                        });
                    });
                }
            }
        }
        buffer.put_slice(&message.into_bytes());
        Ok(())
    }
}

impl Decoder for Messages {
    type Item = String;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<String>, Status> {
        let message = buffer.copy_to_bytes(buffer.remaining());
        let service = protobuf::text(&message, 1);
        service.map(Some).ok_or_else(|| Status::invalid_argument("this is no HealthCheckRequest"))
    }
}
