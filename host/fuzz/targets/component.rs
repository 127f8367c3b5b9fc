//! Files in the watched folder that once were components: each is taken, or refused with a reason, without being compiled.
#![no_main]

#[allow(dead_code, clippy::expect_used, clippy::panic)]
#[path = "../../../tests/support/guest.rs"]
mod guest;

use std::sync::OnceLock;

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use probity::engine::examine;

/// Bytes that a file may have here.
const LIMIT: u64 = 64 * 1024;

fuzz_target!(|file: &[u8]| {
    if let Err(error) = examine(file, LIMIT) {
        assert!(!error.to_string().is_empty(), "refused without a reason");
    }
});

// What does not begin as a component is refused at once, and nothing is learned of it.
fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, _seed: u32| {
    static WHOLE: OnceLock<Vec<u8>> = OnceLock::new();
    let whole = WHOLE.get_or_init(|| guest::saying("well"));
    let size = if data[..size].starts_with(b"\0asm") || whole.len() > max_size {
        size
    } else {
        data[..whole.len()].copy_from_slice(whole);
        whole.len()
    };
    fuzzer_mutate(data, size, max_size)
});
