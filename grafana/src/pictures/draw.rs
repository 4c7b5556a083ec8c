//! Drawing one panel.

use anyhow::Result;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::series::{Prometheus, Series};
use crate::panel::{Alarm, Panel, Shape};

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Lines that are named below a drawing; the others are drawn and not named.
const NAMED: usize = 6;

/// Draws a panel, with its question above and its series named below.
pub(super) fn panel(area: &Area<'_>, panel: &Panel, prometheus: &Prometheus) -> Result<()> {
    area.draw(&Rectangle::new(whole(area), RGBColor(214, 214, 214).stroke_width(1)))?;
    area.draw_text(panel.question, &("sans-serif", 15).into_text_style(area), (8, 5))?;
    let mut series = Vec::new();
    for query in &panel.queries {
        series.extend(prometheus.series(query)?);
    }
    series.retain(|series| !series.points.is_empty());
    if matches!(panel.shape, Shape::Lines | Shape::Stacked) {
        // Those are named that say most.
        series.sort_by(|one, other| other.most().total_cmp(&one.most()));
    }
    let inner = area.clone().shrink((8, 26), (width(area) - 16, height(area) - 32));
    if series.is_empty() {
        return Ok(inner.draw_text(
            "no data",
            &("sans-serif", 15).into_text_style(area).color(&RED),
            (4, 4),
        )?);
    }
    match panel.shape {
        Shape::Lines | Shape::Stacked => lines(&inner, panel, &series, prometheus),
        Shape::Number => numbers(&inner, panel, &series),
        Shape::Bars | Shape::Table => bars(&inner, panel, series),
        Shape::Heatmap => heatmap(&inner, &series, prometheus),
    }
}

fn width(area: &Area<'_>) -> u32 {
    area.dim_in_pixel().0
}

fn height(area: &Area<'_>) -> u32 {
    area.dim_in_pixel().1
}

fn whole(area: &Area<'_>) -> [(i32, i32); 2] {
    [(0, 0), (width(area).cast_signed() - 1, height(area).cast_signed() - 1)]
}

fn lines(area: &Area<'_>, panel: &Panel, series: &[Series], prometheus: &Prometheus) -> Result<()> {
    let named = series.len().min(NAMED);
    let (above, below) = area.split_vertically(height(area) - 16 * u32::try_from(named.div_ceil(2))?);
    let stacked = if panel.shape == Shape::Stacked { stack(series) } else { series.to_vec() };
    let top = stacked.iter().flat_map(|line| &line.points).fold(0.0_f64, |top, (_, value)| top.max(*value));
    let top = if top > 0.0 { top * 1.1 } else { 1.0 };
    let mut chart = ChartBuilder::on(&above)
        .margin(2)
        .x_label_area_size(18)
        .y_label_area_size(64)
        .build_cartesian_2d(prometheus.time(), 0.0..top)?;
    let show = |value: &f64| shown(*value, panel.unit);
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_labels(5)
        .y_labels(4)
        .x_label_formatter(&|at| clock(*at))
        .y_label_formatter(&show)
        .draw()?;
    // The highest of a stack first, so that the lower ones lie above it.
    for (number, line) in stacked.iter().enumerate().rev() {
        let colour = Palette99::pick(number).to_rgba();
        if panel.shape == Shape::Stacked {
            chart.draw_series(AreaSeries::new(line.points.iter().copied(), 0.0, colour.mix(0.6)))?;
        } else {
            chart.draw_series(LineSeries::new(line.points.iter().copied(), colour.stroke_width(2)))?;
        }
    }
    if let Alarm::Above(limit) | Alarm::Below(limit) = panel.alarm
        && limit < top
    {
        let line = [(prometheus.time().start, limit), (prometheus.time().end, limit)];
        chart.draw_series(DashedLineSeries::new(line, 6, 4, RED.stroke_width(1)))?;
    }
    names(&below, panel, &series[..named])
}

/// Each line upon the ones before it; where one has no value it adds nothing.
fn stack(series: &[Series]) -> Vec<Series> {
    let mut moments: Vec<f64> =
        series.iter().flat_map(|line| line.points.iter().map(|(at, _)| *at)).collect();
    moments.sort_by(f64::total_cmp);
    moments.dedup();
    let mut sums = vec![0.0; moments.len()];
    let upon = |line: &Series| {
        let mut points = line.points.iter().peekable();
        for (at, sum) in moments.iter().zip(&mut sums) {
            if let Some((_, value)) = points.next_if(|(point, _)| point <= at) {
                *sum += value;
            }
        }
        Series {
            name: line.name.clone(),
            points: moments.iter().copied().zip(sums.iter().copied()).collect(),
        }
    };
    series.iter().map(upon).collect()
}

fn names(area: &Area<'_>, panel: &Panel, series: &[Series]) -> Result<()> {
    for (number, line) in series.iter().enumerate() {
        let place = i32::try_from(number)?;
        let at = (place % 2 * (width(area).cast_signed() / 2), place / 2 * 16);
        area.draw(&Rectangle::new(
            [(at.0, at.1 + 5), (at.0 + 10, at.1 + 9)],
            Palette99::pick(number).filled(),
        ))?;
        let text = format!("{}  {}", line.name, shown(line.last(), panel.unit));
        area.draw_text(&text, &("sans-serif", 11).into_text_style(area), (at.0 + 15, at.1 + 1))?;
    }
    Ok(())
}

fn numbers(area: &Area<'_>, panel: &Panel, series: &[Series]) -> Result<()> {
    let each = area.split_evenly((1, series.len().min(NAMED)));
    for (area, line) in each.iter().zip(series) {
        let bad = match panel.alarm {
            Alarm::Never => false,
            Alarm::Above(limit) => line.last() > limit,
            Alarm::Below(limit) => line.last() < limit,
        };
        let middle = (width(area).cast_signed() / 2, height(area).cast_signed() / 2);
        let style = ("sans-serif", 34).into_text_style(area).pos(Pos::new(HPos::Center, VPos::Center));
        let style = style.color(if bad { &RED } else { &BLACK });
        area.draw_text(&shown(line.last(), panel.unit), &style, middle)?;
        let style = ("sans-serif", 12).into_text_style(area).pos(Pos::new(HPos::Center, VPos::Center));
        area.draw_text(&line.name, &style, (middle.0, middle.1 + 34))?;
    }
    Ok(())
}

fn bars(area: &Area<'_>, panel: &Panel, mut series: Vec<Series>) -> Result<()> {
    series.sort_by(|one, other| other.last().total_cmp(&one.last()));
    let top = series.first().map_or(1.0, |line| line.last().max(f64::MIN_POSITIVE));
    let rows = i32::try_from(height(area) / 22)?;
    for (row, line) in (0..rows).zip(&series) {
        let (name, wide) = (i32::try_from(width(area) / 3)?, f64::from(width(area)) * 0.5);
        let y = row * 22;
        #[expect(clippy::cast_possible_truncation, reason = "a share of a width in pixels")]
        let long = (line.last() / top * wide) as i32;
        area.draw_text(&line.name, &("sans-serif", 12).into_text_style(area), (0, y + 4))?;
        let bar = Rectangle::new([(name, y + 3), (name + long.max(1), y + 17)], Palette99::pick(0).filled());
        area.draw(&bar)?;
        let text = shown(line.last(), panel.unit);
        area.draw_text(&text, &("sans-serif", 12).into_text_style(area), (name + long + 6, y + 4))?;
    }
    Ok(())
}

/// A row for each bucket, darker where more fell into it.
fn heatmap(area: &Area<'_>, series: &[Series], prometheus: &Prometheus) -> Result<()> {
    let bound = |line: &Series| line.name.parse().unwrap_or(f64::INFINITY);
    let mut buckets = series.to_vec();
    buckets.sort_by(|one, other| bound(one).total_cmp(&bound(other)));
    let count = i32::try_from(buckets.len())?;
    let names: Vec<_> = buckets.iter().map(|line| shown(bound(line), "s")).collect();
    let mut chart = ChartBuilder::on(area)
        .margin(2)
        .x_label_area_size(18)
        .y_label_area_size(64)
        .build_cartesian_2d(prometheus.time(), 0..count)?;
    let name =
        |row: &i32| usize::try_from(*row).ok().and_then(|row| names.get(row).cloned()).unwrap_or_default();
    chart
        .configure_mesh()
        .disable_mesh()
        .x_labels(8)
        .x_label_formatter(&|at| clock(*at))
        .y_label_formatter(&name)
        .draw()?;
    let below = |row: usize, at: f64| {
        let line = row.checked_sub(1).map(|row| &buckets[row])?;
        line.points.iter().find(|(moment, _)| (moment - at).abs() < 0.5).map(|(_, count)| *count)
    };
    let mut cells = Vec::new();
    for (row, line) in buckets.iter().enumerate() {
        for pair in line.points.windows(2) {
            let fell = pair[0].1 - below(row, pair[0].0).unwrap_or_default();
            cells.push((i32::try_from(row)?, pair[0].0, pair[1].0, fell.max(0.0)));
        }
    }
    let most = cells.iter().fold(f64::MIN_POSITIVE, |most, (.., fell)| most.max(*fell));
    chart.draw_series(cells.into_iter().filter(|(.., fell)| *fell > 0.0).map(|(row, from, to, fell)| {
        Rectangle::new([(from, row), (to, row + 1)], BLUE.mix(0.15 + 0.85 * (fell / most).sqrt()).filled())
    }))?;
    Ok(())
}

/// The time of day, UTC.
fn clock(at: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "seconds since 1970")]
    let second = (at as i64).rem_euclid(86_400);
    format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60)
}

/// A value with its unit, short enough to be read.
fn shown(value: f64, unit: &str) -> String {
    let short = |value: f64| match value.abs() {
        size if size >= 1e9 => format!("{:.1} G", value / 1e9),
        size if size >= 1e6 => format!("{:.1} M", value / 1e6),
        size if size >= 1e4 => format!("{:.1} k", value / 1e3),
        size if size >= 100.0 || value.fract() == 0.0 => format!("{value:.0}"),
        _ => format!("{value:.2}"),
    };
    match unit {
        "s" if value.is_infinite() => "more".to_owned(),
        "s" if value.abs() < 0.001 => format!("{:.0} µs", value * 1e6),
        "s" if value.abs() < 1.0 => format!("{:.2} ms", value * 1e3),
        "s" => format!("{} s", short(value)),
        "percentunit" => format!("{:.1} %", value * 100.0),
        "bytes" => format!("{}B", short(value)),
        "mps" | "reqps" | "ops" => format!("{}/s", short(value)),
        _ => short(value),
    }
}
