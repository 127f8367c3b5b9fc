//! A service that depends on another one, and says at `/health` how that stands. See README.md beside this file.

mod dependency;

use std::{
    env,
    io::{IsTerminal, stderr},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result};
use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
    routing::get,
};
use probity::{ConnectionManager, manager::Error};
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

use self::dependency::Dependency;

/// Where the dependency says how it is, unless `DEPENDENCY_URL` says otherwise.
const URL: &str = "http://127.0.0.1:8080/health";
/// Where this service listens, unless `LISTEN` says otherwise.
const LISTEN: &str = "127.0.0.1:8082";
/// The time from one look at a dependency that is up to the next, unless `INTERVAL_MS` says otherwise.
const INTERVAL_MS: &str = "30000";
/// How long the dependency may take to answer.
const TIMEOUT: Duration = Duration::from_secs(5);

struct App {
    dependency: Arc<Dependency>,
    connection: ConnectionManager,
}

#[tokio::main]
async fn main() -> Result<()> {
    // Every event is a line of the log as well.
    tracing_subscriber::fmt().with_writer(stderr).with_ansi(stderr().is_terminal()).init();
    let setting = |name: &str, usual: &str| env::var(name).unwrap_or_else(|_| usual.to_owned());
    let listen: SocketAddr = setting("LISTEN", LISTEN).parse().context("LISTEN must be like 127.0.0.1:8082")?;
    let interval = setting("INTERVAL_MS", INTERVAL_MS).parse().context("INTERVAL_MS must be a number")?;
    let token = env::var("DEPENDENCY_TOKEN").ok();
    let dependency = Arc::new(Dependency::new(&setting("DEPENDENCY_URL", URL), token.as_deref())?);

    let examined = Arc::clone(&dependency);
    let connection = ConnectionManager::builder("dependency", move || {
        let dependency = Arc::clone(&examined);
        async move { dependency.get().await }
    })
    .timeout(TIMEOUT)
    .interval(Duration::from_millis(interval))
    .autoconnect(true)
    .build()?;
    connection.on("unhealthy", |record| eprintln!("page somebody: the dependency is down since {}", record.time))?;

    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let listener = TcpListener::bind(listen).await.with_context(|| format!("can't listen on {listen}"))?;
    println!("listening on http://{}", listener.local_addr()?);
    let app = Arc::new(App { dependency, connection: connection.clone() });
    let router = Router::new().route("/health", get(health)).route("/call", get(call)).with_state(app);
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    axum::serve(listener, router).with_graceful_shutdown(stop).await?;
    connection.shutdown().await;
    Ok(())
}

/// How this service is. It is 200 also when degraded: this service answers, and to restart it or to take it out of a load
/// balancer would not mend what it depends on.
async fn health(State(app): State<Arc<App>>) -> Json<Value> {
    let (healthy, stats) = (app.connection.is_healthy(), app.connection.stats());
    Json(json!({
        "status": if healthy { "ok" } else { "degraded" },
        "connection": {
            "state": stats.state.as_str(),
            "isHealthy": healthy,
            "uptime": stats.totals.uptime,
            "stats": stats,
        },
    }))
}

/// A call to the dependency. If it is known to be down the caller is told at once, and when to come again; what comes of the
/// call counts as an examination does.
async fn call(State(app): State<Arc<App>>) -> Response {
    let lease = match app.connection.acquire().await {
        Ok(lease) => lease,
        Err(error) => return unavailable(&error),
    };
    let answer = match tokio::time::timeout(TIMEOUT, app.dependency.get()).await {
        Ok(answer) => answer,
        Err(_) => Err(anyhow::anyhow!("no answer within {TIMEOUT:?}")),
    };
    if let Err(error) = app.connection.report(lease, &answer).await {
        return unavailable(&error);
    }
    match answer {
        Ok(()) => "the dependency answered\n".into_response(),
        Err(error) => (StatusCode::BAD_GATEWAY, format!("{error:#}\n")).into_response(),
    }
}

fn unavailable(error: &Error) -> Response {
    let after = match error {
        Error::Unavailable { retry_after: Some(after), .. } => after.as_secs_f64().ceil().max(1.0),
        _ => 1.0,
    };
    (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, after.to_string())], format!("{error}\n")).into_response()
}
