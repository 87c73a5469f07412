# What there is to do; each recipe is one script or one command.

default:
    @just --list

# the labctl binary for people, in target/release
build:
    cargo build --release --locked

# what is quick to tell
check *filter:
    scripts/check {{filter}}

# format, lints and types of what is written in Python; --fix lays it out
python *options:
    scripts/python {{options}}

# what one change can break; --all for what is exhaustive too
test *filter:
    scripts/test {{filter}}

# the main job, on an AWS emulator on this machine
demo:
    scripts/demo

# the way of somebody new, up to a notebook in a browser
quickstart:
    scripts/quickstart

# calls, time and memory, beside Terraform where it is installed
bench *options:
    scripts/bench {{options}}

# the library's documentation, in target/doc
doc:
    cargo doc --no-deps --locked

# everything that a change must pass
gate:
    .ci/run
