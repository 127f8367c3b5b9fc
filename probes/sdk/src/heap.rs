//! Where a probe's memory comes from: the allocator of Rust's standard library, in a version that begins with the room that the
//! linker left behind the module's data. The one that most compilers bring asks for more memory at its first allocation, and so in
//! each run; growing an instance's memory, and taking that back when the run is over, are two changes to the runner's address space.

#[global_allocator]
static HEAP: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;
