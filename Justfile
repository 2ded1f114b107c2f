# Short names only: each recipe is one command, which works as well without just.

# List the recipes
default:
    @"{{just_executable()}}" --list

# The release binaries, in target/release
build:
    cargo build --release --locked

# Every test; --long takes the slow ones too
test *ARGS:
    tests/run {{ARGS}}

# Fuzz one target for long, with cargo-fuzz: TARGET and libFuzzer's options, such as -max_total_time=600
fuzz TARGET *ARGS:
    mkdir -p fuzz/corpus/{{TARGET}}
    cargo +nightly fuzz run {{TARGET}} fuzz/corpus/{{TARGET}} tests/fuzz/seeds/{{TARGET}} -- -max_len=2048 {{ARGS}}

# The unit tests in Miri, as far as it can run them
miri *ARGS:
    tests/miri {{ARGS}}

# The tests' root file systems, in target/rootfs (Debian's needs root), and their VMs' kernels
rootfs:
    rootfs/busybox target/rootfs/busybox
    rootfs/debian target/rootfs/debian
    rootfs/kernel target/vm/bookworm
    rootfs/kernel target/vm/trixie trixie
    rootfs/kernel target/vm/sid sid
    rootfs/kernel target/vm/bookworm-arm64 bookworm arm64
    mkdir -p target/rootfs/arm64
    rootfs/busybox target/rootfs/arm64/busybox arm64

# An initramfs with aril as its first process, from a folder or from busybox; gzip, lz4 or zstd may follow
initramfs FROM OUT *PACKED: build
    rootfs/initramfs {{quote(FROM)}} {{quote(OUT)}} {{PACKED}}

# Boot one in QEMU with Debian's kernel and exit with its command's status: IMAGE [QEMU OPTION...] [-- COMMAND...]
[positional-arguments]
@vm *ARGS:
    rootfs/vm "$@"

# Measure aril beside what one would take instead, and beside the floor: all, or GROUP...; --quick; ROUNDS and ROOTFS may follow
bench *ARGS:
    cargo bench --locked --bench run -- {{ARGS}}

# Tell where the time of a start goes, step by step, beside the floor; --out FILE, ROUNDS and ROOTFS may follow
profile *ARGS:
    cargo bench --locked --bench run -- profile {{ARGS}}

# Install what Debian has of what aril is measured beside
bench-peers:
    apt-get install -y --no-install-recommends binutils bubblewrap catatonit crun dumb-init runc strace systemd-container tini

# Count what a boot takes with aril as a machine's first process, beside the floor and busybox; --packed, --trace FOLDER
bench-boot *ARGS:
    cargo bench --locked --bench boot -- {{ARGS}}

# The manual pages and completions, from the table of options, the help and docs/
pages:
    cargo test --release --locked --test pages -- --make

# Compile a container engine's profile of system calls for --security-opt seccomp=/FILE: PROFILE.json FILE [--cap-add NAME]...
seccomp *ARGS:
    cargo test --release --locked --test seccomp -- --compile {{ARGS}}

# What is handed out, for both architectures: programs, Debian packages, tars for images, checksums, in target/dist
dist *ARGS:
    tools/dist {{ARGS}}

# Format the sources
fmt:
    cargo fmt --all

# Clippy, with warnings as errors
lint:
    cargo clippy --release --locked --all-targets --features floor -- -D warnings
