//! Pictures of the dashboards, drawn from what a Prometheus has: for people who want to see them without a Grafana, and for
//! whoever changes a panel.
//!
//! One SVG for each dashboard, with its panels where Grafana has them. The drawings are plain; what matters is whether a panel
//! says something.

mod draw;
mod series;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use plotters::prelude::*;

use crate::dashboard::Dashboard;
use crate::panel::Panel;
use series::Prometheus;

/// Pixels of one of the 24 columns, and of a row of the grid.
const COLUMN: u32 = 66;
const ROW: u32 = 34;

/// What is asked for.
#[derive(Debug)]
pub(crate) struct Wanted<'a> {
    /// Where the Prometheus answers: `http://HOST:PORT`.
    pub(crate) prometheus: &'a str,
    /// Where the pictures go.
    pub(crate) into: &'a Path,
    /// How far back from now.
    pub(crate) last: Duration,
}

/// Draws these dashboards.
pub(crate) fn draw(dashboards: &[Dashboard], wanted: &Wanted<'_>) -> Result<()> {
    let prometheus = Prometheus::new(wanted.prometheus, wanted.last);
    std::fs::create_dir_all(wanted.into)
        .with_context(|| format!("{} cannot be made", wanted.into.display()))?;
    for dashboard in dashboards {
        let file = wanted.into.join(format!("{}.svg", dashboard.name));
        page(dashboard, &prometheus, &file).with_context(|| format!("{} cannot be drawn", dashboard.name))?;
    }
    Ok(())
}

fn page(dashboard: &Dashboard, prometheus: &Prometheus, file: &Path) -> Result<()> {
    let placed = dashboard.placed();
    let rows = placed.iter().map(|(_, _, y)| *y + Panel::HEIGHT).max().unwrap_or(1);
    let size = (24 * COLUMN, (u32::try_from(rows)? + 1) * ROW);
    let root = SVGBackend::new(file, size).into_drawing_area();
    root.fill(&WHITE)?;
    root.draw_text(dashboard.title, &("sans-serif", 22).into_text_style(&root), (12, 6))?;
    for (panel, x, y) in placed {
        let (x, y) = (i32::try_from(x)?, i32::try_from(y)?);
        let (column, row) = (COLUMN.cast_signed(), ROW.cast_signed());
        let (width, height) = (i32::try_from(panel.width)?, i32::try_from(Panel::HEIGHT)?);
        let area =
            root.clone().shrink((x * column + 4, (y + 1) * row + 4), (width * column - 8, height * row - 8));
        draw::panel(&area, panel, prometheus)?;
    }
    root.present()?;
    Ok(())
}
