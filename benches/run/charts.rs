//! Charts of the figures: bars for one case, lines for a series.

use crate::measure::{FLOOR, NAIVE_FLOOR, Result, Row};
use crate::report::number;
use crate::{boots, inits, memory, rate, sizes, start, streams};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::path::Path;

const WIDTH: u32 = 760;
const ROW: u32 = 30;
const OURS: RGBColor = RGBColor(0x1f, 0x6f, 0xb4);
const FLOORS: RGBColor = RGBColor(0x80, 0x80, 0x80);
const OTHERS: RGBColor = RGBColor(0xd9, 0x8c, 0x3f);
const FONT: &str = "sans-serif";

/// Group, beginning of the case, title, name of the file.
const BARS: [(&str, &str, &str, &str); 15] = [
    (start::GROUP, "default isolation, as root", "Start to end of true in a container, as root, ms", "default"),
    (start::GROUP, "default isolation, as an", "The same as an ordinary user, ms", "ordinary"),
    (start::GROUP, "with a network", "With a network namespace, ms", "network"),
    (memory::GROUP, "private memory", "Private memory of launcher and init of an idle container, KiB", "private"),
    (memory::GROUP, "kernel memory", "Kernel memory of an idle container, KiB", "kernel"),
    (inits::GROUP, "start, over no init", "What an init adds to the start, µs", "start"),
    (inits::GROUP, "latency of a signal, median", "A signal through an init, median, µs", "signal"),
    (inits::GROUP, "private dirty", "Private dirty memory of an init, KiB", "private"),
    (sizes::GROUP, "container runners: with", "Container runners with their libraries, bytes", "runners"),
    (sizes::GROUP, "inits: with", "Inits with their libraries, bytes", "inits"),
    (
        boots::GROUP,
        "from the hand-over to the command's first instruction: all",
        "Instructions of a boot to its command",
        "boot",
    ),
    (boots::GROUP, "from the command's exit to power-off: all", "Instructions from its exit to power-off", "off"),
    (boots::GROUP, "initramfs", "The initramfs, bytes", "initramfs"),
    (streams::GROUP, "plain", "Output through a pipe, MiB/s", "plain"),
    (streams::GROUP, "pseudo", "Output through a terminal, MiB/s", "terminal"),
];

/// Group, what there are so many of, title, name of the file.
const LINES: [(&str, &str, &str, &str); 4] = [
    (start::GROUP, "volumes", "ms with so many volumes", "volumes"),
    (start::GROUP, "mounts of the host", "ms on a host with so many more mounts", "mounts"),
    (start::GROUP, "containers running", "ms beside so many running containers", "running"),
    (rate::GROUP, "at a time", "Containers per second, so many at a time", "width"),
];

/// Titles and names of the files that were drawn.
pub fn draw(rows: &[Row], folder: &Path, name: &str) -> Result<Vec<(String, String)>> {
    let mut drawn = Vec::new();
    for (group, case, title, short) in BARS {
        // Of a series the end: the most containers.
        let of_group = |row: &&Row| row.group == group && row.case.starts_with(case);
        let Some(last) = rows.iter().rfind(of_group) else { continue };
        let bars: Vec<&Row> = rows.iter().filter(|row| row.group == group && row.case == last.case).collect();
        let file = format!("{name}-{group}-{short}.svg");
        draw_bars(&bars, title, &folder.join(&file))?;
        drawn.push((title.into(), file));
    }
    for (group, what, title, short) in LINES {
        let is_of = |row: &&Row| row.group == group && row.at.as_ref().is_some_and(|(series, _)| series == what);
        let points: Vec<&Row> = rows.iter().filter(is_of).collect();
        if points.is_empty() {
            continue;
        }
        let file = format!("{name}-{group}-{short}.svg");
        draw_lines(&points, title, &folder.join(&file))?;
        drawn.push((title.into(), file));
    }
    Ok(drawn)
}

fn color(program: &str) -> RGBColor {
    match program {
        FLOOR | NAIVE_FLOOR => FLOORS,
        name if name.starts_with("aril") => OURS,
        _ => OTHERS,
    }
}

fn draw_bars(rows: &[&Row], title: &str, path: &Path) -> Result<()> {
    const LEFT: i32 = 120;
    const TOP: i32 = 44;
    let height = TOP as u32 + ROW * rows.len() as u32 + 10;
    let area = SVGBackend::new(path, (WIDTH, height)).into_drawing_area();
    area.fill(&WHITE)?;
    area.draw(&Text::new(title, (10, 12), (FONT, 17)))?;
    let most = rows.iter().map(|row| row.figure).fold(f64::MIN_POSITIVE, f64::max);
    let room = f64::from(WIDTH as i32 - LEFT - 100);
    for (row, at) in rows.iter().zip(0..) {
        let top = TOP + at * ROW as i32;
        let end = LEFT + (row.figure.max(0.0) / most * room).max(1.0) as i32;
        let style = (FONT, 14).into_text_style(&area);
        let middle = top + ROW as i32 / 2 - 3;
        let name = style.pos(Pos::new(HPos::Right, VPos::Center));
        area.draw(&Text::new(row.program.as_str(), (LEFT - 8, middle), name))?;
        area.draw(&Rectangle::new([(LEFT, top), (end, top + ROW as i32 - 7)], color(&row.program).filled()))?;
        let figure = (FONT, 14).into_text_style(&area).pos(Pos::new(HPos::Left, VPos::Center));
        area.draw(&Text::new(number(row.figure), (end + 6, middle), figure))?;
    }
    area.present()?;
    Ok(())
}

/// Both axes are logarithmic; none of something stands where one would.
fn draw_lines(rows: &[&Row], title: &str, path: &Path) -> Result<()> {
    let at = |row: &Row| row.at.as_ref().map_or(1.0, |(_, count)| count.max(1.0));
    let range = |values: &mut dyn Iterator<Item = f64>| {
        values.fold((f64::MAX, f64::MIN_POSITIVE), |(low, high), value| (low.min(value), high.max(value)))
    };
    let (left, right) = range(&mut rows.iter().map(|row| at(row)));
    let (low, high) = range(&mut rows.iter().map(|row| row.figure));
    let area = SVGBackend::new(path, (WIDTH, 400)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(title, (FONT, 17))
        .margin(10)
        .margin_right(100)
        .x_label_area_size(30)
        .y_label_area_size(60)
        .build_cartesian_2d((left..right).log_scale(), (low * 0.8..high * 1.2).log_scale())?;
    chart.configure_mesh().light_line_style(WHITE).draw()?;
    let mut programs: Vec<&str> = Vec::new();
    for row in rows {
        if !programs.contains(&row.program.as_str()) {
            programs.push(&row.program);
        }
    }
    for program in programs {
        let points: Vec<(f64, f64)> =
            rows.iter().filter(|row| row.program == program).map(|row| (at(row), row.figure)).collect();
        let color = color(program);
        chart.draw_series(LineSeries::new(points.iter().copied(), color.stroke_width(2)))?;
        chart.draw_series(points.iter().map(|point| Circle::new(*point, 3, color.filled())))?;
        if let Some(last) = points.last() {
            let style = (FONT, 13).into_text_style(&area).color(&color).pos(Pos::new(HPos::Left, VPos::Center));
            let (x, y) = chart.backend_coord(last);
            area.draw(&Text::new(program, (x + 8, y), style))?;
        }
    }
    area.present()?;
    Ok(())
}
