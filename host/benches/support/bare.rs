//! Wasmtime as anybody would set it up who only wants it to be safe: the baseline of what the sandbox adds.

use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

/// An engine that counts work, watches time, and takes instances from a pool. Its settings are those of the sandbox, as far
/// as they shape code or have a price.
pub fn engine() -> Engine {
    let mut pool = PoolingAllocationConfig::new();
    pool.max_memory_size(64 * 1024 * 1024).table_elements(20_000);
    if PoolingAllocationConfig::is_pagemap_scan_available() {
        pool.pagemap_scan(Enabled::Auto)
            .linear_memory_keep_resident(1024 * 1024)
            .table_keep_resident(64 * 1024)
            .async_stack_keep_resident(64 * 1024);
    }
    let mut config = Config::new();
    config
        .consume_fuel(true)
        .epoch_interruption(true)
        .concurrency_support(false)
        .max_wasm_stack(256 * 1024)
        .async_stack_size(512 * 1024)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    Engine::new(&config).expect("an engine")
}
