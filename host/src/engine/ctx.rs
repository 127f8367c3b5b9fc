//! What a store holds for the run, or the connection, that it is made for.

use std::sync::Arc;

use tokio::time::Instant;
use wasmtime::{
    ResourceLimiter,
    component::{HasSelf, Linker, ResourceTable},
};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};
use wasmtime_wasi_tls::{WasiTlsCtx, WasiTlsCtxBuilder, WasiTlsCtxView, WasiTlsView, p2::LinkOptions};

use super::{
    bindings::{calendar, checks, http, icmp, ip_name_lookup, log, reports, system, tls},
    house::House,
    http::{Exchanges, Requests},
    icmp::{EchoView, Echoes, HasEchoes},
    network::{HasLookup, LookupView, Network},
    refusals::Refusals,
    system::Machine,
    tls::{Handshakes, Speaker, Tls},
};

/// Resources (sockets, streams, pollables, …) that a run may hold at once; a probe of one target needs a few dozen.
const RESOURCES: usize = 1_000;
/// Elements of all tables together; a guest's table holds its indirect functions, of which CPython has about 10,000.
const TABLE_ELEMENTS: usize = 100_000;
/// Lines that a call may log; what a person reads of one run is far less.
const LOG_LINES: u32 = 100;
/// Bytes of one line; the rest is cut off.
const LOG_LINE: usize = 1_024;

/// The data of a run, or of an open connection.
pub(super) struct Ctx {
    pub(super) refusals: Refusals,
    pub(super) memory: Memory,
    pub(super) handshakes: Handshakes,
    pub(super) exchanges: Exchanges,
    check: Arc<str>,
    network: Network,
    echoes: Echoes,
    machine: Machine,
    house: House,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    requests: Requests,
    tls: WasiTlsCtx,
    table: ResourceTable,
    logged: u32,
}

/// What the runner reaches out by for a guest.
pub(super) struct Reach {
    pub(super) refusals: Refusals,
    pub(super) network: Network,
    pub(super) tls: Tls,
    pub(super) echoes: Echoes,
    pub(super) machine: Machine,
    pub(super) house: House,
}

impl Ctx {
    pub(super) fn new(check: Arc<str>, reach: Reach, memory: u64, deadline: Instant) -> Ctx {
        let Reach { refusals, network, tls, echoes, machine, house } = reach;
        let mut table = ResourceTable::new();
        table.set_max_capacity(RESOURCES);
        let wasi = WasiCtx::builder()
            // The address check decides; these only open the way to it.
            .allow_tcp(true)
            .allow_udp(true)
            .socket_addr_check(network.socket_check())
            .build();
        let handshakes = Handshakes::default();
        let exchanges = Exchanges::default();
        let speaker = Speaker::new(tls, handshakes.clone());
        Ctx {
            requests: Requests::new(network.clone(), speaker.clone(), exchanges.clone(), deadline),
            tls: WasiTlsCtxBuilder::new().provider(Box::new(speaker)).build(),
            handshakes,
            exchanges,
            refusals,
            house,
            network,
            echoes,
            machine,
            memory: Memory { limit: memory, used: 0, peak: 0, table_elements: 0 },
            check,
            wasi,
            http: WasiHttpCtx::new(),
            table,
            logged: 0,
        }
    }

    /// The name of the check that it serves.
    pub(super) fn check(&self) -> &str {
        &self.check
    }

    /// Counts anew what is counted for each call, and gives its requests until `deadline`.
    pub(super) fn begin_call(&mut self, deadline: Instant) {
        self.refusals.begin_call();
        self.house.begin_call();
        self.requests.end_at(deadline);
        self.memory.peak = self.memory.used;
        self.logged = 0;
    }

    /// Says how many lines the call logged beyond what is kept.
    pub(super) fn tell_dropped_lines(&self) {
        let dropped = self.logged.saturating_sub(LOG_LINES);
        if dropped > 0 {
            tracing::warn!(target: "probe", check = &*self.check, "{dropped} more lines were dropped");
        }
    }
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
    linker.allow_shadowing(false);
    Ok(linker)
}

impl WasiView for Ctx {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for Ctx {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.requests, table: &mut self.table, ctx: &mut self.http }
    }
}

impl WasiTlsView for Ctx {
    fn tls(&mut self) -> WasiTlsCtxView<'_> {
        WasiTlsCtxView { ctx: &mut self.tls, table: &mut self.table }
    }
}

impl log::Host for Ctx {
    fn write(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        self.logged = self.logged.saturating_add(1);
        if self.logged > LOG_LINES {
            return Ok(());
        }
        let line = super::output::cut(&message, LOG_LINE).0;
        let check = &*self.check;
        match level {
            log::Level::Debug => tracing::debug!(target: "probe", check, "{line}"),
            log::Level::Info => tracing::info!(target: "probe", check, "{line}"),
            log::Level::Warn => tracing::warn!(target: "probe", check, "{line}"),
            log::Level::Error => tracing::error!(target: "probe", check, "{line}"),
        }
        Ok(())
    }
}

/// The memory budget of one instance: all its linear memories together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory {
    limit: u64,
    used: u64,
    /// The most that was used during this call.
    pub(super) peak: u64,
    table_elements: usize,
}

/// The guest wanted more than its budget. It ends the run: a guest that is refused memory seldom does anything but trap,
/// and its own trap would hide the reason.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("wanted {wanted} bytes of memory, and may have {limit}")]
pub(super) struct MemoryExceeded {
    pub(super) wanted: u64,
    pub(super) limit: u64,
}

/// The guest wanted larger tables than any guest needs.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("wanted {0} table elements, and may have {TABLE_ELEMENTS}")]
pub(super) struct TableExceeded(usize);

impl ResourceLimiter for Memory {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let wanted = self.used.saturating_sub(current as u64).saturating_add(desired as u64);
        if wanted > self.limit {
            return Err(MemoryExceeded { wanted, limit: self.limit }.into());
        }
        self.used = wanted;
        self.peak = self.peak.max(wanted);
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let wanted = self.table_elements.saturating_sub(current).saturating_add(desired);
        if wanted > TABLE_ELEMENTS {
            return Err(TableExceeded(wanted).into());
        }
        self.table_elements = wanted;
        Ok(true)
    }
}
