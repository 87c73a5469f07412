# What there is to do; each recipe is one script or one command.

default:
    @just --list

# the labctl binary, in target/release
build:
    cargo build --release --locked

# unit, integration and documentation tests
test *filter:
    scripts/test {{filter}}

# format and lints, as the gate checks them
lint:
    cargo fmt --check
    cargo clippy --release --all-targets --locked -- -D warnings

# the main job, on an AWS emulator on this machine
demo:
    scripts/demo

# calls, time and memory, beside Terraform where it is installed
bench *options:
    scripts/bench {{options}}

# the library's documentation, in target/doc
doc:
    cargo doc --release --no-deps --locked

# everything that a change must pass
gate:
    .ci/run
