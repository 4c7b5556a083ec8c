//! How long each step of a signal's way takes that asks no other machine: `cargo bench --bench hot_path`.

#[path = "hot_path/steps.rs"]
mod steps;

/// As in vigie.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    divan::main();
}

#[divan::bench(args = steps::NAMES)]
fn step(bencher: divan::Bencher<'_, '_>, name: &str) {
    bencher.bench_local(steps::prepare(name));
}
