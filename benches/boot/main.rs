//! What the way costs from the kernel's hand-over to the command's first instruction, and from the command's exit until the
//! machine is off, for aril and others (`images.rs`). Instructions are counted, not time: each figure is exact, and two boots give
//! the same.
//!
//! `cargo bench --bench boot -- [--packed] [--trace FOLDER] [--init PROGRAM]`. With `--packed` also what unpacking the smallest
//! initramfs takes, as it is and compressed; with `--trace` FOLDER gets a file for each with all that entered the kernel
//! (`count.c`); with `--init` another program stands beside the floor in place of all these.

#[path = "../../tests/vm/boot/archive.rs"]
#[allow(dead_code, reason = "the tests put more into an archive")]
mod archive;
#[path = "../busybox.rs"]
mod busybox;
mod images;
#[allow(dead_code, reason = "the tests say what the counts depend on")]
mod instrument;

use instrument::{Cost, Instrument};
use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const USAGE: &str = "usage: cargo bench --bench boot -- [--packed] [--trace FOLDER] [--init PROGRAM]";

fn main() -> ExitCode {
    match Options::read().and_then(|options| run(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

#[derive(Default)]
struct Options {
    packed: bool,
    traces: Option<PathBuf>,
    init: Option<PathBuf>,
}

impl Options {
    fn read() -> Result<Self> {
        let mut options = Self::default();
        // Cargo adds `--bench`.
        let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
        while let Some(word) = words.next() {
            match word.as_str() {
                "--packed" => options.packed = true,
                "--trace" => options.traces = Some(words.next().ok_or(USAGE)?.into()),
                "--init" => options.init = Some(words.next().ok_or(USAGE)?.into()),
                _ => return Err(USAGE.into()),
            }
        }
        Ok(options)
    }
}

fn run(options: &Options) -> Result<()> {
    let instrument = Instrument::new()?;
    if let Some(folder) = &options.traces {
        fs::create_dir_all(folder)?;
    }
    let programs = images::all(&instrument, options.init.as_deref())?;

    println!("To the command's first instruction, and from its exit to the call of reboot(2): instructions.");
    println!("\n  {:12}  initramfs    user     kernel  of the floor    user     kernel  off after", "");
    let mut floor = None;
    for (name, archive) in programs {
        let bytes = archive.bytes();
        let trace = options.traces.as_ref().map(|folder| folder.join(name.replace(' ', "-")));
        match instrument.boot(&bytes, images::WORDS, trace.as_deref()) {
            Ok(cost) => {
                let of = *floor.get_or_insert(cost.start.kernel);
                println!("  {name:12} {}", row(bytes.len(), &cost, of));
            }
            Err(error) => println!("  {name:12} failed: {error}"),
        }
    }
    if options.packed { packings(&instrument) } else { Ok(()) }
}

fn row(size: usize, cost: &Cost, floor: u64) -> String {
    let Cost { start, end, .. } = cost;
    let off = cost.off.map_or("never".into(), |off| format!("{:.2} ms", off as f64 / 1000.0));
    let ratio = start.kernel as f64 / floor as f64;
    format!("{size:10} {:7} {:10} {ratio:13.2} {:7} {:10} {off:>10}", start.user, start.kernel, end.user, end.kernel)
}

fn packings(instrument: &Instrument) -> Result<()> {
    println!("\nThe smallest initramfs: aril and a program of {} bytes.\n", instrument.probe().len());
    println!("  {:6} {:>8}  instructions to unpack", "", "bytes");
    for (name, bytes, instructions) in images::packings(instrument)? {
        println!("  {name:6} {bytes:8}  {instructions:22}");
    }
    Ok(())
}

/// What `archive` takes from the tests.
mod machine {
    pub fn rootfs() -> std::path::PathBuf {
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("target/rootfs")
    }
}
