//! Pictures of a report.

use std::path::Path;

use anyhow::Result;
use plotters::prelude::*;

use super::{Latencies, Series};

const SIZE: (u32, u32) = (900, 420);

/// As far as the latencies' picture goes: "five nines".
const NINES: f64 = 5.0;

/// Latencies by percentile, both axes by powers of ten: the usual picture of `HdrHistogram`.
pub(super) fn percentiles(file: &Path, title: &str, all: &[Latencies]) -> Result<()> {
    let root = SVGBackend::new(file, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let most = all.iter().map(|one| one.histogram.max()).max().unwrap_or(1).max(1) as f64 / 1000.0;
    let least = all.iter().map(|one| one.histogram.min()).min().unwrap_or(1).max(1) as f64 / 1000.0;
    let mut chart = ChartBuilder::on(&root)
        .caption(format!("{title}: ms by percentile"), ("sans-serif", 16))
        .margin(12)
        .x_label_area_size(24)
        .y_label_area_size(60)
        .build_cartesian_2d(0.0..NINES, (least..most * 1.2).log_scale())?;
    chart
        .configure_mesh()
        .x_labels(6)
        .x_label_formatter(&|nines| percent(*nines))
        .y_label_formatter(&|value| super::shown(*value))
        .draw()?;
    for (number, one) in all.iter().enumerate() {
        let colour = Palette99::pick(number).to_rgba();
        let points = (0..=200_u32).map(|step| {
            let nines = f64::from(step) / 200.0 * NINES;
            let quantile = 1.0 - 10.0_f64.powf(-nines);
            (nines, (one.histogram.value_at_quantile(quantile) as f64 / 1000.0).max(least))
        });
        chart
            .draw_series(LineSeries::new(points, colour.stroke_width(2)))?
            .label(one.name.as_str())
            .legend(move |(x, y)| Rectangle::new([(x, y - 2), (x + 12, y + 2)], colour.filled()));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .label_font(("sans-serif", 13))
        .draw()?;
    Ok(root.present()?)
}

/// A number over time.
pub(super) fn over_time(file: &Path, title: &str, series: &Series) -> Result<()> {
    let root = SVGBackend::new(file, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let end = series.points.iter().fold(1.0_f64, |end, (at, _)| end.max(*at));
    let top = series.points.iter().fold(0.0_f64, |top, (_, value)| top.max(*value));
    let mut chart = ChartBuilder::on(&root)
        .caption(format!("{title}: {}, {} over seconds", series.name, series.unit), ("sans-serif", 16))
        .margin(12)
        .x_label_area_size(24)
        .y_label_area_size(60)
        .build_cartesian_2d(0.0..end, 0.0..if top > 0.0 { top * 1.1 } else { 1.0 })?;
    chart.configure_mesh().y_label_formatter(&|value| super::shown(*value)).draw()?;
    let colour = Palette99::pick(0).to_rgba();
    chart.draw_series(LineSeries::new(series.points.iter().copied(), colour.stroke_width(2)))?;
    Ok(root.present()?)
}

/// How a percentile is written that lies so many nines beyond the first.
fn percent(nines: f64) -> String {
    let share = 100.0 - 10.0_f64.powf(2.0 - nines);
    match nines.round() {
        digits if digits < 3.0 => format!("{share:.0} %"),
        digits if digits < 4.0 => format!("{share:.1} %"),
        digits if digits < 5.0 => format!("{share:.2} %"),
        _ => format!("{share:.3} %"),
    }
}
