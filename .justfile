# What one does with this repository. `just --list` says the same.

# everything CI checks, exactly as CI does
check:
    .ci/run

# install what the tests need, and run them all
test:
    tests/run

# format the code
fmt:
    cargo fmt --all

# lint everything, warnings are errors
lint:
    cargo clippy --workspace --all-targets --locked -- -D warnings

# build the documentation, private items too; the crate doc is the map
docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items --locked

# licences, sources and known vulnerabilities of dependencies (needs cargo-deny and the network)
deny:
    cargo deny --config .deny.toml check

# measure everything and write load-tests/RESULTS.md: needs Node, and some minutes on a machine that does nothing else
load *ARGUMENTS:
    tests/install
    cd load-tests/node && npm install --no-save --no-audit --no-fund
    cargo build --release --workspace --locked
    target/release/vigie-load results {{ ARGUMENTS }}

# run the gateway with the default configuration
run *ARGUMENTS:
    cargo run --release --locked -- serve {{ ARGUMENTS }}

# show the whole product in one process, with nothing installed
demo:
    cargo run --release --locked -- demo
