//! What a store holds for the run, or the connection, that it is made for.

use std::sync::Arc;

use tokio::time::Instant;
use wasmtime::component::{HasSelf, Linker, ResourceTable};
use wasmtime_wasi::{
    WasiCtx, WasiCtxView, WasiView,
    clocks::{MonotonicClock, WallClock},
};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};
use wasmtime_wasi_tls::{WasiTlsCtx, WasiTlsCtxBuilder, WasiTlsCtxView, WasiTlsView, p2::LinkOptions};

use super::{
    bindings::{calendar, checks, http, icmp, ip_name_lookup, log, reports, system, tls, types},
    clocks::Coarse,
    command::Start,
    errors, exit,
    follow::Follow,
    growth::Growth,
    house::House,
    http::{Exchanges, Requests},
    icmp::{EchoView, Echoes, HasEchoes},
    logbook::Logbook,
    network::{HasLookup, LookupView, Network},
    refusals::Refusals,
    sockets,
    system::Machine,
    tape::Taped,
    tls::{Handshakes, Speaker, Tls},
};
use crate::{grant::Grants, limits::Limits};

/// Where a program ends itself.
const EXIT: &str = "wasi:cli/exit@0.2.12";

/// The data of a run, or of an open connection.
pub(super) struct Ctx {
    pub(super) refusals: Refusals,
    pub(super) growth: Growth,
    pub(super) handshakes: Handshakes,
    pub(super) exchanges: Exchanges,
    pub(super) network: Network,
    pub(super) table: ResourceTable,
    /// What it has if it is on tape.
    pub(super) taped: Option<Box<Taped>>,
    echoes: Echoes,
    machine: Machine,
    house: House,
    logbook: Logbook,
    /// What the stock functions of WASI keep, once the guest has called one that keeps something: who calls none does not pay for
    /// what they all could ask for.
    stock: Option<Box<Stock>>,
    beginning: Beginning,
}

/// What the stock functions of WASI keep.
struct Stock {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    requests: Requests,
    tls: WasiTlsCtx,
}

/// What they begin with.
struct Beginning {
    grants: Arc<Grants>,
    tls: Tls,
    /// When the call that is under way is over.
    deadline: Instant,
    /// The span that the run is.
    traceparent: Option<Arc<str>>,
    /// What a command is started with.
    command: Option<Start>,
}

/// What the runner reaches out by for a guest. Clones share what is counted and remembered.
#[derive(Clone)]
pub(super) struct Reach {
    pub(super) grants: Arc<Grants>,
    pub(super) refusals: Refusals,
    pub(super) network: Network,
    pub(super) tls: Tls,
    pub(super) handshakes: Handshakes,
    pub(super) echoes: Echoes,
    pub(super) machine: Machine,
    pub(super) house: House,
}

impl Ctx {
    /// `command` is what a command is started with.
    pub(super) fn new(
        reach: Reach,
        logbook: Logbook,
        limits: &Limits,
        deadline: Instant,
        command: Option<Start>,
    ) -> Ctx {
        let Reach { grants, refusals, network, tls, handshakes, echoes, machine, house } = reach;
        let mut table = ResourceTable::new();
        table.set_max_capacity(usize::try_from(limits.handles).unwrap_or(usize::MAX));
        Ctx {
            handshakes,
            exchanges: Exchanges::default(),
            refusals,
            house,
            network,
            echoes,
            machine,
            growth: Growth::new(limits),
            table,
            taped: None,
            logbook,
            stock: None,
            beginning: Beginning { grants, tls, deadline, traceparent: None, command },
        }
    }

    /// What the stock functions of WASI keep, and where they keep what is handed to the guest.
    fn stock(&mut self) -> (&mut Stock, &mut ResourceTable) {
        let stock = self.stock.get_or_insert_with(|| {
            let (network, beginning) = (&self.network, &mut self.beginning);
            let grants = Arc::clone(&beginning.grants);
            let speaker = Speaker::new(beginning.tls.clone(), self.handshakes.clone(), grants, self.refusals.clone());
            let exchanges = self.exchanges.clone();
            let mut requests = Requests::new(network.clone(), speaker.clone(), exchanges, beginning.deadline);
            requests.trace(beginning.traceparent.as_ref());
            Box::new(Stock {
                wasi: wasi(network, beginning.command.take()),
                http: WasiHttpCtx::new(),
                requests,
                tls: WasiTlsCtxBuilder::new().provider(Box::new(speaker)).build(),
            })
        });
        (stock, &mut self.table)
    }

    /// The name of the check that it serves.
    pub(super) fn check(&self) -> &str {
        self.logbook.check()
    }

    /// Has what comes followed so.
    pub(super) fn follow(&mut self, follow: Follow<'_>) {
        self.beginning.traceparent = follow.traceparent.cloned();
        if let Some(stock) = &mut self.stock {
            stock.requests.trace(follow.traceparent);
        }
        self.logbook.copy_to(follow.log);
        if let Some(behind) = self.taped.as_mut().and_then(|taped| taped.behind()) {
            behind.follow(follow);
        }
    }

    /// Forgets what belongs to the call before, and gives requests until `deadline`.
    pub(super) fn begin_call(&mut self, deadline: Instant) {
        self.refusals.begin_call();
        self.house.begin_call();
        self.beginning.deadline = deadline;
        if let Some(stock) = &mut self.stock {
            stock.requests.end_at(deadline);
        }
        self.growth.begin_call();
        if let Some(behind) = self.taped.as_mut().and_then(|taped| taped.behind()) {
            behind.begin_call(deadline);
        }
    }

    /// What the guest is told of its run.
    ///
    /// # Errors
    ///
    /// It is on tape, and did something else when it was recorded.
    pub(super) fn told(&self, run: types::Run) -> wasmtime::Result<types::Run> {
        match &self.taped {
            None => Ok(run),
            Some(taped) => taped.tape.run(run),
        }
    }

    /// Counts anew what is counted for each run.
    pub(super) fn begin_run(&mut self) {
        self.network.traffic().begin_run();
        self.logbook.begin_run();
    }

    /// Takes down what the run wrote to its standard error, of which so many lines are lost.
    pub(super) fn log<'a>(&mut self, lines: impl Iterator<Item = &'a str>, lost: u64) {
        for line in lines {
            self.logbook.write(log::Level::Info, line.to_owned());
        }
        self.logbook.lose(lost);
    }

    /// Says how much the run logged beyond what is kept.
    pub(super) fn tell_dropped_lines(&mut self) {
        self.logbook.tell_dropped();
    }
}

fn wasi(network: &Network, command: Option<Start>) -> WasiCtx {
    let mut wasi = WasiCtx::builder();
    // The address check decides; these only open the way to it.
    wasi.allow_tcp(true).allow_udp(true).socket_addr_check(network.socket_check());
    if network.has_coarse_clocks() {
        wasi.wall_clock(Coarse::new(WallClock::new())).monotonic_clock(Coarse::new(MonotonicClock::new()));
    }
    if let Some(start) = command {
        start.equip(&mut wasi);
    }
    wasi.build()
}

/// Everything that a component may import.
pub(super) fn linker(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<Ctx>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    wasmtime_wasi_tls::p2::add_to_linker(&mut linker, LinkOptions::default().tls(true))?;
    calendar::add_to_linker::<Ctx, HasSelf<House>>(&mut linker, |ctx| &mut ctx.house)?;
    checks::add_to_linker::<Ctx, HasSelf<House>>(&mut linker, |ctx| &mut ctx.house)?;
    http::add_to_linker::<Ctx, HasSelf<Ctx>>(&mut linker, |ctx| ctx)?;
    log::add_to_linker::<Ctx, HasSelf<Ctx>>(&mut linker, |ctx| ctx)?;
    reports::add_to_linker::<Ctx, HasSelf<House>>(&mut linker, |ctx| &mut ctx.house)?;
    tls::add_to_linker::<Ctx, HasSelf<Ctx>>(&mut linker, |ctx| ctx)?;
    icmp::add_to_linker::<Ctx, HasEchoes>(&mut linker, |ctx| EchoView {
        network: &ctx.network,
        echoes: &ctx.echoes,
        table: &mut ctx.table,
    })?;
    system::add_to_linker::<Ctx, HasSelf<Machine>>(&mut linker, |ctx| &mut ctx.machine)?;
    // Ours takes the place of the stock one, which knows no names.
    linker.allow_shadowing(true);
    ip_name_lookup::add_to_linker::<Ctx, HasLookup>(&mut linker, |ctx| LookupView {
        network: &ctx.network,
        table: &mut ctx.table,
    })?;
    sockets::meter(&mut linker)?;
    exit::tell_apart(&mut linker, EXIT)?;
    errors::tell_alone(&mut linker)?;
    linker.allow_shadowing(false);
    Ok(linker)
}

impl WasiView for Ctx {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let (stock, table) = self.stock();
        WasiCtxView { ctx: &mut stock.wasi, table }
    }
}

impl WasiHttpView for Ctx {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        let (stock, table) = self.stock();
        WasiHttpCtxView { hooks: &mut stock.requests, table, ctx: &mut stock.http }
    }
}

impl WasiTlsView for Ctx {
    fn tls(&mut self) -> WasiTlsCtxView<'_> {
        let (stock, table) = self.stock();
        WasiTlsCtxView { ctx: &mut stock.tls, table }
    }
}

impl log::Host for Ctx {
    fn write(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        self.logbook.write(level, message);
        Ok(())
    }
}
