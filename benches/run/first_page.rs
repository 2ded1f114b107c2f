//! The picture of the first page: what each file weighs and how long a start takes, readable on white and on black.

use crate::machine::Machine;
use crate::measure::{Result, Row};
use crate::{inits, sizes, start};
use std::fmt::Write;

pub const NAME: &str = "first-page.svg";

/// Group, case, title, who is in it. Where not all are installed there are fewer bars.
struct Panel {
    group: &'static str,
    case: &'static str,
    title: &'static str,
    programs: &'static [&'static str],
}

const PANELS: [Panel; 4] = [
    Panel {
        group: sizes::GROUP,
        case: "container runners: with the libraries that it needs",
        title: "A container runner and its libraries",
        programs: &["aril", "bwrap", "crun", "runc"],
    },
    Panel {
        group: start::GROUP,
        case: "default isolation, as root",
        title: "Start to end of true in a container",
        programs: &["aril", "bwrap", "crun", "runc"],
    },
    Panel {
        group: sizes::GROUP,
        case: "inits: with the libraries that it needs",
        title: "An init and its libraries",
        programs: &["aril-init", "tini", "dumb-init", "catatonit"],
    },
    Panel {
        group: inits::GROUP,
        case: "start, over no init",
        title: "What an init adds to a start",
        programs: &["aril-init", "tini", "dumb-init", "catatonit"],
    },
];

const WIDTH: usize = 400;
const HEIGHT: usize = 150;
const ROW: usize = 26;
const LEFT: usize = 80;
/// The longest bar, with room for its figure behind it.
const LONGEST: f64 = 210.0;

/// `None` where something has not been measured.
pub fn draw(rows: &[Row], machine: &Machine) -> Result<Option<String>> {
    let (width, height) = (2 * WIDTH, 2 * HEIGHT + 24);
    let mut text = String::new();
    writeln!(
        text,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         role=\"img\" aria-label=\"Sizes and start times of aril and others\">"
    )?;
    text.push_str(STYLE);
    for (at, panel) in PANELS.iter().enumerate() {
        let of = |name: &&str| {
            rows.iter().find(|row| row.group == panel.group && row.case == panel.case && row.program == *name)
        };
        let bars: Vec<&Row> = panel.programs.iter().filter_map(of).collect();
        if !bars.first().is_some_and(|row| row.program.starts_with("aril")) {
            return Ok(None);
        }
        panel.draw(&mut text, at % 2 * WIDTH, at / 2 * HEIGHT, &bars)?;
    }
    let Machine { day, processor, kernel, .. } = machine;
    writeln!(
        text,
        "<text class=\"small\" x=\"8\" y=\"{}\">{day}, {}, Linux {kernel}; medians, by just bench: docs/bench</text>\n</svg>",
        height - 8,
        escaped(processor)
    )?;
    Ok(Some(text))
}

impl Panel {
    fn draw(&self, text: &mut String, left: usize, top: usize, bars: &[&Row]) -> Result<()> {
        writeln!(text, "<text class=\"title\" x=\"{}\" y=\"{}\">{}</text>", left + 8, top + 22, self.title)?;
        let most = bars.iter().map(|row| row.figure).fold(f64::MIN_POSITIVE, f64::max);
        for (at, row) in bars.iter().enumerate() {
            let (x, y) = (left + LEFT, top + 34 + at * ROW);
            let long = (row.figure.max(0.0) / most * LONGEST).max(1.5);
            let class = if row.program.starts_with("aril") { "ours" } else { "others" };
            writeln!(text, "<text class=\"name\" x=\"{}\" y=\"{}\">{}</text>", x - 8, y + 14, row.program)?;
            writeln!(text, "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{long:.1}\" height=\"18\" rx=\"2\"/>")?;
            writeln!(text, "<text x=\"{:.1}\" y=\"{}\">{}</text>", x as f64 + long + 6.0, y + 14, figure(row))?;
        }
        Ok(())
    }
}

/// As people say it.
fn figure(row: &Row) -> String {
    let one = |figure: f64| if figure < 10.0 { format!("{figure:.1}") } else { format!("{figure:.0}") };
    match row.unit.as_str() {
        "bytes" if row.figure >= 1e6 => format!("{} MB", one(row.figure / 1e6)),
        "bytes" => format!("{} kB", one(row.figure / 1e3)),
        "us" => format!("{} µs", one(row.figure)),
        unit => format!("{} {unit}", one(row.figure)),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// The page behind it may be white or black, and shows through.
const STYLE: &str = "<style>
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600; font-size: 14px } .name { text-anchor: end } .small { font-size: 11px; opacity: .7 }
.ours { fill: #1f6fb4 } .others { fill: #9a9fa6 }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .ours { fill: #4ea1ea } .others { fill: #6e7681 } }
</style>
";
