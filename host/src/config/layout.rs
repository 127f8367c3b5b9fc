//! Every key of the config, declared once. This is the page to read to know what can be configured.

use std::{ops::RangeInclusive, time::Duration};

use probity_core::{circuit::Rate, health::Window, schedule::Every};

use super::{
    alerting_keys::Notify,
    circuit,
    duration::Span,
    health::Reaction,
    http,
    kind::{List, OrWord, Table, Tables},
    labels::LabelTable,
    number::{Count, Flag, Number},
    otlp::Endpoint,
    section::{Rule, section},
    security::DeniedRange,
    settings::AnyTable,
    size::Size,
    text::{Address, Allowed, Choice, FilePath, Line, Name, Protocol, ServerIdentity, Token, WebOrigin},
    token::{Scope, TokenHash},
    trust::{DigestTable, Key},
};
use crate::experiments::Experiments;

/// Half a minute, as the load balancers of AWS have it: soon enough for people, seldom enough for any target.
pub(super) const INTERVAL: Duration = Duration::from_secs(30);
/// As Consul's checks have it.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);
/// A tenth of an interval keeps checks apart and still leaves a rhythm.
pub(super) const JITTER: f64 = 0.1;
/// A lost target, or one that may be lost, is looked at again within this even if its check is rare.
pub(super) const FAST_INTERVAL: Duration = Duration::from_secs(5);
/// The usual time-out: by then each check of an ordinary config has been heard of.
pub(super) const STARTUP_GRACE: Duration = TIMEOUT;
/// What `docker stop` waits before it kills.
pub(super) const GRACE_PERIOD: Duration = Duration::from_secs(10);
/// More runs than this at once are rather a stampede than a load.
pub(super) const MAX_IN_FLIGHT: usize = 1_000;
/// As many targets again may have a connection of their own.
pub(super) const MAX_LIVE_CONNECTIONS: usize = 1_000;
/// Long enough for its price to be nothing, and soon enough for a changed address or certificate to be noticed.
pub(super) const MAX_AGE: Duration = Duration::from_secs(3600);
/// Three times as large as a Python interpreter with a probe inside, the largest component that we know.
pub(super) const COMPONENT_SIZE: u64 = 64 << 20;
/// Twice what compiling that one takes of a slow machine's time.
pub(super) const COMPILE_TIME: Duration = Duration::from_secs(60);
/// Four times what compiling that one takes.
pub(super) const COMPILE_MEMORY: u64 = 2 << 30;

/// What nginx and most others take of a request's head, twice over: a token and a trace fit many times.
pub(super) const HEADER_SIZE: u64 = 16 << 10;
/// A long output of a job, which is dropped past what is kept of it: the job has still run.
pub(super) const BODY_SIZE: u64 = 16 << 20;
/// Half of the 1,024 files that a process may usually have open: the rest is for the probes.
pub(super) const CONNECTIONS: usize = 512;
/// Half of them, so that one address never takes all.
pub(super) const CONNECTIONS_PER_ADDRESS: usize = 256;
/// Far more than a fleet of load balancers asks, and a twentieth of what a core answers.
pub(super) const REQUESTS_PER_SECOND: u32 = 1_000;
/// Ten round trips by satellite, and more than ten times what a handshake or a head takes.
pub(super) const SLOW_HEAD: Duration = Duration::from_secs(10);
/// At 5 Mbit/s, the largest body.
pub(super) const SLOW_BODY: Duration = Duration::from_secs(30);
/// Prometheus scrapes every minute unless told otherwise, and can keep its connection.
pub(super) const IDLE: Duration = Duration::from_secs(75);

/// Some hours of an eventful day, and a few megabytes.
pub(super) const EVENTS_KEPT: usize = 10_000;

/// A day of runs every minute and a half, and a hundred kilobytes.
pub(super) const HISTORY_KEPT: usize = 1_000;
/// As often as people look, and as databases that are asked to be quick write theirs.
pub(super) const FLUSH_INTERVAL: Duration = Duration::from_secs(1);
/// What a Prometheus with many targets has under way at a time.
pub(super) const PROBES_IN_FLIGHT: usize = 10;
/// As OpenTelemetry has it (`OTEL_METRIC_EXPORT_INTERVAL`).
pub(super) const METRICS_INTERVAL: Duration = Duration::from_secs(60);
/// Ten thousand checks are half a million series, which is what a small Prometheus bears.
pub(super) const MAX_CHECKS: usize = 10_000;
/// A house of probes has a hundred names.
pub(super) const MAX_MEASUREMENTS: usize = 1_000;

/// From a timer's precision to an hour, past which a run is a job rather than a probe.
pub(super) const TIMEOUTS: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(3600);
/// Up to an hour; at once is fine too.
const GRACES: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(3600);
/// From what the back-off takes for a busy loop to a day.
const DELAYS: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(24 * 3600);
/// Those of a schedule.
const INTERVALS: RangeInclusive<Duration> = Every::SHORTEST..=Every::LONGEST;
/// A share.
const SHARES: RangeInclusive<f64> = 0.0..=1.0;
/// What the back-off takes for growth.
const MULTIPLIERS: RangeInclusive<f64> = 1.0..=100.0;
/// At a delay of a minute, a million attempts are two years.
const ATTEMPTS: RangeInclusive<u32> = 0..=1_000_000;
/// At the usual interval, a hundred runs are most of an hour.
const STREAKS: RangeInclusive<u32> = 1..=100;
/// What the core remembers of the verdicts of a target.
const VERDICTS: RangeInclusive<u32> = 1..=Window::MOST;
/// More failures in a row than this open no circuit that anybody would miss.
const FAILURES: RangeInclusive<u32> = 1..=1_000;
/// What the core remembers of the calls to a target.
const CALLS: RangeInclusive<u32> = 1..=Rate::MOST_CALLS;
/// More calls than this find out no more.
const PERMITS: RangeInclusive<u32> = 1..=100;
/// What the core takes for an expiry.
const EXPIRIES: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(24 * 3600);
/// A million events are some hundred megabytes.
const EVENTS: RangeInclusive<usize> = 1..=1_000_000;
/// From what a screen shows to ten megabytes a check.
const HISTORY: RangeInclusive<usize> = 10..=100_000;
/// More than a minute of what happened is more than anybody wants to lose.
const FLUSHES: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(60);
/// From what is as good as following the runs to a day.
const EXPORTS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(24 * 3600);
/// As many checks as one runner is to bear.
const CHECKS_TOLD: RangeInclusive<usize> = 0..=1_000_000;
/// More names than this are nobody's dashboard.
const NAMES_TOLD: RangeInclusive<usize> = 0..=100_000;
/// Up to eleven days of computing, and far from where the counting of it would overflow.
const FUELS: RangeInclusive<u64> = 1..=1_000_000_000_000_000;
/// From one page of a Wasm memory to all that its 32-bit addresses reach.
const MEMORIES: RangeInclusive<u64> = (64 << 10)..=(4 << 30);
/// Far more than the largest interpreter has, and less than a server's memory.
const TABLE_ELEMENTS: RangeInclusive<u64> = 0..=10_000_000;
/// A component of one module is one to three.
const INSTANCES: RangeInclusive<u64> = 1..=10_000;
/// From what opening a single connection takes to what wasmtime itself lets a guest have.
const HANDLES: RangeInclusive<u64> = 16..=100_000;
/// A process has a thousand files, unless its operator gave it more.
const SOCKETS: RangeInclusive<u64> = 0..=1_000;
/// Up to what no probe should move.
const TRAFFIC: RangeInclusive<u64> = 0..=(1 << 40);
/// More names than this belong to no one target.
const LOOKUPS: RangeInclusive<u64> = 0..=10_000;
/// More lines of one run than this are read by nobody.
const LOG_LINES: RangeInclusive<u64> = 0..=10_000;
/// As many lines as that, each of its full length.
const LOG_BYTES: RangeInclusive<u64> = 0..=(10 << 20);
/// From a word to half of what can be handed to the runner in one call.
const OUTPUTS: RangeInclusive<u64> = 16..=(512 << 10);
/// From a word to a page. The last failures of each check are kept, and each has one.
const MESSAGES: RangeInclusive<u64> = 16..=(64 << 10);
/// The last failures of each check are kept, and each has as many.
const ENTRIES: RangeInclusive<u64> = 0..=1_000;
/// Half of what can be handed to the runner in one call.
const STATES: RangeInclusive<u64> = 0..=(512 << 10);
/// From what a hello takes to an hour.
const COMPILE_TIMES: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3600);
/// From less than the program itself has mapped to what only large machines have.
const COMPILE_MEMORIES: RangeInclusive<u64> = (64 << 20)..=(64 << 30);
/// Ten thousand runs at once are more than an ordinary Linux has memory maps for.
const IN_FLIGHT: RangeInclusive<usize> = 1..=10_000;
/// As many as there can be runs, and for the same reason.
const LIVE_CONNECTIONS: RangeInclusive<usize> = 1..=10_000;
/// From what is as good as dialling anew each time to a month.
const AGES: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(30 * 24 * 3600);
/// From less than any component has to what no disk should have to compile.
const COMPONENT_SIZES: RangeInclusive<u64> = 1024..=(1 << 30);
/// From a bare request of a browser to more than any server takes.
const HEADER_SIZES: RangeInclusive<u64> = 1024..=(1 << 20);
/// From a few words to the output of a whole build.
const BODY_SIZES: RangeInclusive<u64> = 1024..=(1 << 30);
/// Each is an open file, of which no usual system grants more.
const CLIENTS: RangeInclusive<usize> = 1..=65_536;
/// More than one core answers.
const RATES: RangeInclusive<u32> = 1..=1_000_000;
/// From what a local client needs to what is as good as none.
const CLIENT_TIMEOUTS: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(3600);
/// The longest host name (RFC 1035, section 2.3.4).
const NODE_ID: usize = 253;
/// A few lines of a terminal.
const DESCRIPTION: usize = 500;
/// As a check's name.
const GROUP: usize = 100;
/// A line of large type.
const TITLE: usize = 100;
/// Longer than any sensible list of times.
const CRON: usize = 1_000;

section! {
    /// The configuration of Probity.
    Top {
        /// The address and port on which the runner answers HTTP. Port 0 takes any free one.
        listen: Address = Address, example "127.0.0.1:8081", default "127.0.0.1:8081";
        /// The watched folder of components and their side-cars, relative to this file.
        probes: FilePath = FilePath, example "probes.d", default "probes.d";
        /// Where the runner keeps what must outlive it, relative to this file. Unless given: `$STATE_DIRECTORY`, as
        /// systemd sets it, or `$XDG_STATE_HOME/probity`, or `$HOME/.local/state/probity`.
        data_dir: FilePath = FilePath, example "/var/lib/probity";
        /// What this runner calls itself. Unless given: the name of the host.
        node_id: Line = Line(NODE_ID), example "node-123";
        /// How long after its start the runner waits for the first verdict of each check before it answers without.
        startup_grace: Span = Span(GRACES), example "30s", default "10s";
        /// How long the runner waits at its end for runs and requests that are under way.
        grace_period: Span = Span(GRACES), example "30s", default "10s";
        /// What the runner itself may take.
        runner: Table<Runner> = Table::new(), example { max_in_flight = 200 };
        /// The HTTP server.
        http: Table<Http> = Table::new(), example { auth = { token = "${env:PROBITY_TOKEN}" } };
        /// What is made of the health of all checks together.
        health: Table<Health> = Table::new(), example { on_critical_failure = "shutdown" };
        /// What is tried out, and may change or go in any release. "wasi-0.3" lets components wait for several things at once, by
        /// the asynchronous functions of WASI 0.3.
        experimental: List<Choice> = List(Choice(&Experiments::WORDS)), example ["wasi-0.3"];
        /// What is let in, and what is not.
        security: Table<Security> = Table::new(), example { trust = { allow_unlisted = false } };
        /// What `/probe` examines for others.
        probe: Table<Probing> = Table::new(), example { allow = ["https:*.example.org:443"] };
        /// Where metrics and traces are sent, by OTLP over HTTP. Unless given: nowhere.
        otlp: Table<Otlp> = Table::new(), example { endpoint = "http://127.0.0.1:4318" };
        /// What `/metrics` tells.
        metrics: Table<Metrics> = Table::new(), example { max_checks = 1_000 };
        /// The log of events.
        events: Table<EventLog> = Table::new(), example { capacity = 50_000 };
        /// What is kept of what happened, in `data_dir`.
        history: Table<History> = Table::new(), example { max_history_entries = 5_000 };
        /// Who is told of trouble, and when.
        notify: Table<Notify> = Table::new(), example { window = "30s" };
        /// What components may take until they are ready to run, and what any check may allow its probe.
        limits: Table<Bounds> = Table::new(), example { component_size = "16MiB" };
        /// What holds for each check that does not say otherwise.
        defaults: Table<Shared> = Table::new(), example { interval = "1m" };
        /// The checks.
        check: Tables<NamedCheck> = Tables::new(), example [{ name = "primary-db", probe = "postgres" }];
    }
}

section! {
    /// What may be written beside a dropped component: its checks.
    Sidecar {
        /// The checks.
        check: Tables<Check> = Tables::new(), example [{ name = "primary-db" }];
    }
}

section! {
    /// What the runner itself may take.
    Runner {
        /// How many runs there can be at once; more wait for their turn.
        max_in_flight: Count<usize> = Count(IN_FLIGHT), example 200, default 1_000;
        /// How many connections there can be that probes keep open between runs; a check that finds none left has a fault.
        max_live_connections: Count<usize> = Count(LIVE_CONNECTIONS), example 200, default 1_000;
    }
}

section! {
    /// What components may take until they are ready to run, and what any check may allow its probe.
    Bounds {
        /// The largest component that is loaded.
        component_size: Size = Size(COMPONENT_SIZES), example "16MiB", default "64MiB";
        /// How much time of a processor it may take to compile a component.
        compile_time: Span = Span(COMPILE_TIMES), example "5m", default "1m";
        /// How much memory it may take to compile a component.
        compile_memory: Size = Size(COMPILE_MEMORIES), example "4GiB", default "2GiB";
        /// The most that a check may let a run use up. Unless given: whatever it says.
        max: Table<Limits> = Table::new(), example { memory = "256MiB" };
    }
}

section! {
    /// What is made of the health of all checks together.
    Health {
        /// From which score of all checks on, as `/health/summary` tells it, the whole is healthy.
        healthy_score: Number = Number(SHARES), example 0.9, default 0.95;
        /// From which score on it is degraded, and unhealthy below.
        degraded_score: Number = Number(SHARES), example 0.5, default 0.75;
        /// What happens when a critical check fails: "report" only shows it, "shutdown" ends the runner in good order with the
        /// exit code 4, and a list is a program with its arguments that is run, no shell between. It is told of the failure by
        /// `$PROBITY_CHECK`, `$PROBITY_GROUP`, `$PROBITY_MESSAGE` and `$PROBITY_NODE_ID`, and may take a minute.
        on_critical_failure: Reaction = Reaction, example ["/usr/local/bin/page-somebody", "--now"], default "report";
    }
}

section! {
    /// What is let in, and what is not.
    Security {
        /// Which dropped components are trusted. The standard probes always are.
        trust: Table<Trust> = Table::new(), example { allow_unlisted = false };
        /// Whether a check is granted what its own settings name, as its probe's manifest says: `tcp:db:5432` for `host = "db"`. If
        /// not, each check says all of it by `allow`.
        implicit_grants: Flag = Flag, example false, default true;
        /// What no check reaches, whatever it is granted.
        network: Table<NetworkSecurity> = Table::new(), example { deny = ["loopback", "private"] };
        /// Whether probes see time in steps of a millisecond, too coarse to measure what others do on this machine. What they
        /// measure of their targets becomes as coarse.
        coarse_clocks: Flag = Flag, example true, default false;
    }
}

section! {
    /// What no check reaches, whatever it is granted.
    NetworkSecurity {
        /// Addresses that no check reaches: ranges, single ones, `loopback`, `private` or `link-local`. Link-local addresses are
        /// only reached by a grant of the address in any case.
        deny: List<DeniedRange> = List(DeniedRange), example ["loopback", "10.0.0.0/8"];
    }
}

section! {
    /// Which dropped components are trusted.
    Trust {
        /// Whether components are that are neither pinned nor signed. If not, they are rejected and never compiled.
        allow_unlisted: Flag = Flag, example false, default true;
        /// The public keys of minisign whose signatures are trusted: `foo.wasm.sig` beside `foo.wasm`. A signature that is not
        /// good is worse than none: its component is rejected in any case.
        keys: List<Key> = List(Key), example ["RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"];
        /// The digests that components of a name may have, each by the name of its probe. No other is trusted under that name,
        /// signed or not.
        digests: DigestTable = DigestTable, example {
            foo = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
        };
    }
}

section! {
    /// What `/probe` examines for others, in the manner of Prometheus' blackbox exporter.
    Probing {
        /// What targets may be, as grants. Unless given there are none, and `/probe` is off: it makes this machine dial what others
        /// name.
        allow: List<Allowed> = List(Allowed), example ["https:*.example.org:443", "icmp:10.0.0.0/8"];
        /// How many runs there can be at once; who asks for more is told to come again.
        max_runs: Count<usize> = Count(IN_FLIGHT), example 50, default 10;
        /// Modules beside those that are built in, or in their place.
        module: Tables<Module> = Tables::new(), example [{
            name = "postgres", probe = "postgres", settings = { host = "{host}", port = "{port}" }
        }];
    }
}

section! {
    /// A way to examine a target that is named. Its limits and its TLS are those of `[defaults]`.
    Module {
        /// What it is asked for by; no other module has this name.
        name: Name = Name, example "postgres";
        /// The component, by the name of its file without `.wasm`, or a standard probe.
        probe: Name = Name, example "postgres";
        /// How long a run may take at the most. Unless given: what the probe's manifest suggests, or 10s.
        timeout: Span = Span(TIMEOUTS), example "5s";
        /// What it may reach beyond what all targets may be.
        allow: List<Allowed> = List(Allowed), example ["resolve:*.example.org"];
        /// What the probe is told. `{target}`, `{host}`, `{port}`, `{port:5432}` and `{url}` are filled in from the target, and what
        /// a check's settings can have besides.
        settings: AnyTable = AnyTable, example { host = "{host}", port = "{port:5432}" };
        rules [Rule::Required("name"), Rule::Required("probe")];
    }
}

section! {
    /// Where metrics and traces are sent, by OTLP over HTTP.
    Otlp {
        /// The collector; `/v1/metrics` and `/v1/traces` are below this.
        endpoint: Endpoint = Endpoint, example "http://127.0.0.1:4318";
        /// What is sent along with each request. `${env:NAME}` and `${file:PATH}` are filled in.
        headers: AnyTable = AnyTable, example { authorization = "Bearer ${env:OTLP_TOKEN}" };
        /// A PEM file of the certificates that vouch for the collector, in place of those that the system trusts.
        ca_file: FilePath = FilePath, example "internal-ca.pem";
        /// How often metrics are sent; "off": not at all.
        metrics_interval: OrWord<Span> = OrWord("off", Span(EXPORTS)), example "30s", default "1m";
        /// Whether each run is sent as a span. What a probe asks by HTTP then tells that it is part of that.
        traces: Flag = Flag, example false, default true;
        rules [Rule::Required("endpoint")];
    }
}

section! {
    /// What `/metrics` tells.
    Metrics {
        /// How many checks have series of their own; the others share theirs, under the name `_overflow`.
        max_checks: Count<usize> = Count(CHECKS_TOLD), example 1_000, default 10_000;
        /// How many names probes may make up for what they measure; other measurements are counted and not told.
        max_measurements: Count<usize> = Count(NAMES_TOLD), example 100, default 1_000;
    }
}

section! {
    /// The log of events.
    EventLog {
        /// How many of the latest events are kept for those who follow them.
        capacity: Count<usize> = Count(EVENTS), example 50_000, default 10_000;
    }
}

section! {
    /// What is kept of what happened, in `data_dir`.
    History {
        /// How many of the latest results of each check are kept in full. Its last 50 failures are kept beside them, and what its
        /// time came to by the minute for an hour, by the hour for 30 days, and by the day for two years.
        max_history_entries: Count<usize> = Count(HISTORY), example 5_000, default 1_000;
        /// How often what happened is written to the disk: what a runner can lose that is killed. `0s`: each as it happens.
        flush_interval: Span = Span(FLUSHES), example "5s", default "1s";
        /// Whether nothing is kept: what happened is forgotten when the runner ends. The same as `--ephemeral`.
        ephemeral: Flag = Flag, example true, default false;
    }
}

section! {
    /// The HTTP server.
    Http {
        /// Who may ask, and for what.
        auth: Table<Auth> = Table::new(), example { token = "${env:PROBITY_TOKEN}" };
        /// How the listener speaks TLS. Without it, HTTP is spoken in the clear.
        tls: Table<ListenerTls> = Table::new(), example { cert_file = "server.pem", key_file = "server.key" };
        /// How much clients may take.
        limits: Table<HttpLimits> = Table::new(), example { connections = 1_000 };
        /// How long clients may take.
        timeouts: Table<HttpTimeouts> = Table::new(), example { idle = "2m" };
        /// The origins whose pages may read the answers (CORS). Unless given: none but the runner's own.
        cors_origins: List<WebOrigin> = List(WebOrigin), example ["https://dashboard.example.com"];
        /// The page for everybody at `/status`.
        status_page: Table<StatusPage> = Table::new(), example { public = true };
    }
}

section! {
    /// The page for everybody at `/status`.
    StatusPage {
        /// Whether anybody may see it, and the badges of its checks, even where reading takes a token.
        public: Flag = Flag, example true, default false;
        /// What stands above it. Unless given: the name of the runner.
        title: Line = Line(TITLE), example "Acme";
        /// The groups whose checks it shows, in this order. Unless given: all checks.
        groups: List<Line> = List(Line(GROUP)), example ["shop", "storage"];
        /// Whether it shows what probes say, which may name hosts and ports.
        messages: Flag = Flag, example true, default false;
    }
}

section! {
    /// Who may ask, and for what.
    Auth {
        /// Whether everybody who can connect may read, or whoever holds a token with the scope "read". `/health/live` is open
        /// in any case.
        read: Choice = Choice(http::READS), example "token", default "open";
        /// A bearer token of all scopes, in the clear. `${env:NAME}` and `${file:PATH}` are filled in. As long as there is no
        /// token at all nobody may change anything, but this machine may run a check.
        token: Token = Token, example "${env:PROBITY_TOKEN}";
        /// Whether everybody on this machine may do everything without a token. It has no effect unless the runner listens
        /// on a loopback address, which no other machine reaches.
        allow_anonymous_control: Flag = Flag, example true, default false;
        /// Bearer tokens with a name and scopes, of which only the hash is kept here.
        tokens: Tables<AuthToken> = Tables::new(), example [{
            name = "prometheus",
            hash = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
            scopes = ["read"]
        }];
    }
}

section! {
    /// A bearer token. `probity hash-token` writes this section.
    AuthToken {
        /// What it is called, for people; no other token has this name.
        name: Name = Name, example "prometheus";
        /// The SHA-256 of the token.
        hash: TokenHash = TokenHash, example "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
        /// What it is good for: "read" for what is behind a token, "report" for reports of jobs, "control" for all that
        /// changes something else, "admin" for everything.
        scopes: List<Choice> = List(Choice(&Scope::WORDS)), example ["read"];
        rules [Rule::Required("name"), Rule::Required("hash"), Rule::Required("scopes")];
    }
}

section! {
    /// How the listener speaks TLS.
    ListenerTls {
        /// A PEM file of the certificate of this server, and of those between it and an authority; relative to this file, and
        /// read again when it changes.
        cert_file: FilePath = FilePath, example "server.pem";
        /// A PEM file of the private key to that certificate; read again when it changes.
        key_file: FilePath = FilePath, example "server.key";
        /// A PEM file of the certificates that vouch for clients; read again when it changes. Unless given: no client is
        /// asked for a certificate.
        client_ca_file: FilePath = FilePath, example "clients-ca.pem";
        /// Whether clients without a certificate are turned away, or only those with a wrong one.
        client_certificates: Choice = Choice(http::CLIENT_CERTIFICATES), example "optional", default "required";
        rules [
            Rule::Required("cert_file"),
            Rule::Required("key_file"),
            Rule::Needs("client_certificates", "client_ca_file")
        ];
    }
}

section! {
    /// How much clients may take.
    HttpLimits {
        /// The largest head of a request: its first line and its headers.
        header_size: Size = Size(HEADER_SIZES), example "8KiB", default "16KiB";
        /// The largest body of a request. Most routes take less.
        body_size: Size = Size(BODY_SIZES), example "1MiB", default "16MiB";
        /// How many connections there can be; more wait for one to end.
        connections: Count<usize> = Count(CLIENTS), example 1_000, default 512;
        /// How many connections one address can have; more are closed at once.
        connections_per_address: OrWord<Count<usize>> = OrWord("unlimited", Count(CLIENTS)), example 32, default 256;
        /// How many requests one address can make in a second; more are answered with 429.
        requests_per_second: OrWord<Count<u32>> = OrWord("unlimited", Count(RATES)), example 50, default 1_000;
        /// How many requests one address can make at once before that rate holds. Unless given: those of a second.
        burst: Count<u32> = Count(RATES), example 100;
    }
}

section! {
    /// How long clients may take.
    HttpTimeouts {
        /// For a handshake of TLS.
        handshake: Span = Span(CLIENT_TIMEOUTS), example "5s", default "10s";
        /// For the head of a request, from its first byte on, and on a new connection from the start.
        header: Span = Span(CLIENT_TIMEOUTS), example "5s", default "10s";
        /// For the body of a request.
        body: Span = Span(CLIENT_TIMEOUTS), example "2m", default "30s";
        /// From the end of an answer to the next request.
        idle: Span = Span(CLIENT_TIMEOUTS), example "2m", default "75s";
        /// For taking any further part of an answer.
        send: Span = Span(CLIENT_TIMEOUTS), example "10s", default "30s";
    }
}

section! {
    /// What can be said for all checks and for each.
    Shared {
        /// The time from one run to the next. Unless given: what the probe's manifest suggests, or 30s.
        interval: Span = Span(INTERVALS), example "15s";
        /// How long a run may take; ticks that pass meanwhile are missed. Unless given: what the probe's manifest suggests,
        /// or 10s.
        timeout: Span = Span(TIMEOUTS), example "5s";
        /// By how much runs are delayed at random, as a share of the interval. A cron schedule is kept to the second. Whatever is
        /// said here, runs start in company, which saves processor time: up to a tenth of the interval late, and up to 100ms.
        jitter: Number = Number(SHARES), example 0.2, default 0.1;
        /// Whether a failure makes the whole unhealthy rather than degraded. Unless given: what the probe's manifest says, or
        /// false.
        critical: Flag = Flag, example true;
        /// What one run may use up.
        limits: Table<Limits> = Table::new(), example { memory = "16MiB" };
        /// How the connection to the target is judged and regained.
        connection: Table<Connection> = Table::new(), example { fall = 5 };
        /// When calls to the target are not let through, neither those of the check nor those of whoever asks for the
        /// connection.
        circuit: Table<Circuit> = Table::new(), example { expiry = "30s" };
        /// How the probe speaks TLS, in whatever it does over `https` and `wasi:tls`.
        tls: Table<Tls> = Table::new(), example { ca_file = "internal-ca.pem" };
    }
}

section! {
    /// What one run may use up.
    Limits {
        /// How much a run may compute, about one unit per instruction.
        fuel: Count<u64> = Count(FUELS), example 100_000_000, default 1_000_000_000;
        /// How much memory a run may have.
        memory: Size = Size(MEMORIES), example "16MiB", default "64MiB";
        /// How many elements the tables of a run may have, all together.
        table_elements: Count<u64> = Count(TABLE_ELEMENTS), example 50_000, default 20_000;
        /// Of how many core instances a component may consist.
        instances: Count<u64> = Count(INSTANCES), example 20, default 128;
        /// How many handles and resources (sockets, streams, pollables) a run may hold at once.
        handles: Count<u64> = Count(HANDLES), example 100, default 1_000;
        /// How many sockets a run may have open at once, those of its requests included.
        sockets: Count<u64> = Count(SOCKETS), example 4, default 16;
        /// How many bytes a run may send over the network.
        bytes_sent: Size = Size(TRAFFIC), example "1MiB", default "16MiB";
        /// How many bytes a run may receive over the network.
        bytes_received: Size = Size(TRAFFIC), example "64MiB", default "1GiB";
        /// How many names a run may look up.
        lookups: Count<u64> = Count(LOOKUPS), example 4, default 64;
        /// How many lines of a run are logged; more are dropped, and counted.
        log_lines: Count<u64> = Count(LOG_LINES), example 10, default 100;
        /// How many bytes of a run are logged; more are dropped, and counted.
        log_bytes: Size = Size(LOG_BYTES), example "4KiB", default "100KiB";
        /// How many bytes a command may write to its standard output.
        output: Size = Size(OUTPUTS), example "16KiB", default "64KiB";
        /// How many bytes of a verdict's message are kept.
        message: Size = Size(MESSAGES), example "1KiB", default "4KiB";
        /// How many details of a verdict are kept.
        details: Count<u64> = Count(ENTRIES), example 16, default 64;
        /// How many measurements of a verdict are kept.
        measurements: Count<u64> = Count(ENTRIES), example 16, default 64;
        /// How many bytes of state a run may leave for the next one.
        state: Size = Size(STATES), example "4KiB", default "64KiB";
    }
}

section! {
    /// How the connection to a target is judged and regained.
    Connection {
        /// The wait before the first attempt to reach a lost target.
        reconnect_delay: Span = Span(DELAYS), example "2s", default "1s";
        /// The longest wait between attempts. Unless given: 1m, or `reconnect_delay` if that is longer.
        max_reconnect_delay: Span = Span(DELAYS), example "5m";
        /// How many times as long each wait is as the one before.
        reconnect_multiplier: Number = Number(MULTIPLIERS), example 1.5, default 2.0;
        /// How many attempts there are in an outage.
        max_reconnect_attempts: OrWord<Count<u32>> = OrWord("unlimited", Count(ATTEMPTS)), example 10, default "unlimited";
        /// By how much the waits vary at random, as a share of them.
        jitter: Number = Number(SHARES), example 0.5, default 0.2;
        /// How many failures in a row make a target that was up count as down.
        fall: Count<u32> = Count(STREAKS), example 5, default 3;
        /// How many successes in a row make a target that was down count as up.
        rise: Count<u32> = Count(STREAKS), example 2, default 1;
        /// The wait for the next run while `fall` or `rise` is being counted. Unless given: 5s, or the interval if that is
        /// shorter.
        fast_interval: Span = Span(INTERVALS), example "2s";
        /// The time from run to run after the last attempt; "off": none until somebody asks. Unless given: the interval, or
        /// for a cron schedule `max_reconnect_delay`.
        down_interval: OrWord<Span> = OrWord("off", Span(INTERVALS)), example "10m";
        /// How long a probe may keep the same connection open, give or take a tenth, before it is dialled anew; "off": for as
        /// long as it is good. It is of no account for a probe that keeps none.
        max_age: OrWord<Span> = OrWord("off", Span(AGES)), example "10m", default "1h";
        /// Among how many of the latest verdicts `fall` failures make a target count as down though they did not come in a
        /// row; "off": they must.
        fall_window: OrWord<Count<u32>> = OrWord("off", Count(VERDICTS)), example 5, default "off";
        /// Above this weighted share of changes among the latest 20 verdicts, the target counts as flapping.
        flapping_high: Number = Number(SHARES), example 0.5, default 0.3;
        /// At this share, it does no more.
        flapping_low: Number = Number(SHARES), example 0.2, default 0.25;
        /// After how long without anybody asking for it the connection is closed; the next who asks has it made again.
        idle_timeout: OrWord<Span> = OrWord("off", Span(INTERVALS)), example "30m", default "off";
        /// How often to look for connections that nobody asks for.
        cleanup_interval: Span = Span(INTERVALS), example "1m", default "5m";
    }
}

section! {
    /// When calls to a target are not let through.
    Circuit {
        /// How many failures in a row open it.
        failures: OrWord<Count<u32>> = OrWord("off", Count(FAILURES)), example 5, default 10;
        /// Which share of failures among the latest calls opens it.
        failure_rate: Number = Number(SHARES), example 0.5;
        /// How many of the latest calls that share is of.
        window: Count<u32> = Count(CALLS), example 50, default 20;
        /// How many calls there must have been for that share to count. Unless given: 10, or the window if that is smaller.
        minimum_calls: Count<u32> = Count(CALLS), example 5;
        /// How long a call may take that still counts as a success. Unless given: however long.
        slow: Span = Span(TIMEOUTS), example "2s";
        /// Whether it stays open always as long, longer each time it opens again, or until somebody acts.
        strategy: Choice = Choice(circuit::STRATEGIES), example "progressive", default "fixed";
        /// How long it stays open, at first if the strategy is progressive. Unless given: 10s if it is progressive, and
        /// otherwise `max_reconnect_delay`, from 1s to 60s.
        expiry: Span = Span(EXPIRIES), example "30s";
        /// How many times as long each further time is, if the strategy is progressive.
        factor: Number = Number(MULTIPLIERS), example 1.5, default 2.0;
        /// The longest time, if the strategy is progressive. Unless given: 5m, or the expiry if that is longer.
        max_expiry: Span = Span(EXPIRIES), example "10m";
        /// How many calls are let through at a time to find out whether the target is back.
        permits: Count<u32> = Count(PERMITS), example 3, default 1;
    }
}

section! {
    /// How a probe speaks TLS.
    Tls {
        /// A PEM file of the certificates that vouch for servers, in place of those that the system trusts; relative to this
        /// file, as all files here, and read again when the config is.
        ca_file: FilePath = FilePath, example "internal-ca.pem";
        /// A PEM file of the certificate that is shown to servers that ask for one, and of those between it and an authority.
        cert_file: FilePath = FilePath, example "client.pem";
        /// A PEM file of the private key to that certificate.
        key_file: FilePath = FilePath, example "client.key";
        /// The name or address that servers are asked for and must prove, in place of the one that is dialled.
        server_name: ServerIdentity = ServerIdentity, example "db.internal";
        /// The protocols that are offered to be spoken on top (ALPN), the preferred one first. Unless given: "h2" and
        /// "http/1.1" for `https`, and none for `wasi:tls`.
        alpn: List<Protocol> = List(Protocol), example ["http/1.1"];
        /// Whether servers are believed whatever certificate they show. Each verdict then tells of it.
        insecure_skip_verify: Flag = Flag, example true, default false;
        rules [Rule::Needs("cert_file", "key_file"), Rule::Needs("key_file", "cert_file")];
    }
}

section! {
    /// A check: a probe and what it is to examine.
    NamedCheck {
        also check: Check;
        rules [Rule::Required("name")];
    }
}

section! {
    /// A check: a probe and what it is to examine.
    Check {
        /// The name of the check; no other check has it. In a side-car, unless given: that of the component beside it.
        name: Name = Name, example "primary-db";
        /// The component, by the name of its file without `.wasm`, or a standard probe. Unless given: the name of the check,
        /// or in a side-car the component beside it.
        probe: Name = Name, example "postgres";
        /// What the check is about, for people.
        description: Line = Line(DESCRIPTION), example "the orders database";
        /// Whether the check runs at all.
        enabled: Flag = Flag, example false, default true;
        /// Which checks it belongs with.
        group: Line = Line(GROUP), example "storage";
        /// What else people and dashboards want to know.
        labels: LabelTable = LabelTable, example { team = "orders" };
        /// The checks that this one depends on: while one of them is down, trouble of this one is noticed, and not told.
        depends_on: List<Name> = List(Name), example ["core-router"];
        /// When the check runs, in place of an interval: minute, hour, day of the month, month and day of the week.
        cron: Line = Line(CRON), example "*/5 8-18 * * mon-fri";
        /// The IANA time zone in which `cron` is meant. Unless given: UTC.
        timezone: Line = Line(GROUP), example "Europe/Stockholm";
        /// What the probe may reach, beyond what its manifest derives from the settings.
        allow: List<Allowed> = List(Allowed), example ["tcp:db.internal:5432"];
        /// What the probe is told. `${env:NAME}`, `${file:PATH}`, `${runner:address}`, `${runner:host}` and `${runner:port}`
        /// are filled in.
        settings: AnyTable = AnyTable, example { host = "db.internal", password = "${env:DB_PASSWORD}" };
        also shared: Shared;
        rules [Rule::NotBoth("interval", "cron"), Rule::Needs("timezone", "cron")];
    }
}
