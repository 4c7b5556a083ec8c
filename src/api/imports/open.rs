//! The beginning of an import: how the feed is written, and what its columns are.

use std::error::Error;
use std::sync::Arc;

use super::Shared;
use super::ends::{Piece, Source, Unreadable};
use super::job::Job;
use crate::config::FeedFormat;
use crate::feeds::{Form, Layout, Mapping, Original, Reader, Record};

/// A feed of which so much was read that the rest can be understood.
pub(super) struct Opened {
    pub(super) reader: Reader,
    /// How it is written, and what its columns are.
    pub(super) form: Form,
    pub(super) layout: Layout,
    /// The first record, where it is data.
    pub(super) first: Option<Record>,
    /// The source has no more.
    pub(super) ended: bool,
}

impl Opened {
    /// Reads as far as it takes.
    pub(super) async fn new(
        shared: &Shared,
        job: &Job,
        source: &mut impl Source,
    ) -> Result<Self, Unreadable> {
        let mut reader = Reader::new(job.wanted, shared.max_line);
        let mut ended = false;
        loop {
            if let Some(form) = reader.form().cloned() {
                let mapping = Arc::clone(&job.mapping);
                if form.format == FeedFormat::Ndjson {
                    let layout = Layout::of_objects(mapping);
                    return Ok(Self { reader, form, layout, first: None, ended });
                }
                if let Some(record) = reader.record() {
                    let (layout, first) = lay_out(mapping, record)?;
                    let form = Form { columns: layout.columns().to_vec(), header: first.is_none(), ..form };
                    return Ok(Self { reader, form, layout, first, ended });
                }
            }
            if ended {
                return Err(Unreadable("there is no line in it, not even a header line".into()));
            }
            ended = more(&mut reader, source).await?;
        }
    }
}

/// Reads one piece; whether it was the last.
async fn more(reader: &mut Reader, source: &mut impl Source) -> Result<bool, Unreadable> {
    let unreadable = |bad: &dyn Error| Unreadable(bad.to_string());
    match source.next().await {
        Piece::Data(bytes) => reader.push(&bytes).map_err(|bad| unreadable(&bad))?,
        Piece::Pause => {}
        Piece::Broken(why) => return Err(Unreadable(why)),
        Piece::End => {
            reader.finish().map_err(|bad| unreadable(&bad))?;
            return Ok(true);
        }
    }
    Ok(false)
}

/// The layout that the first record makes; the record itself again, where it is data.
fn lay_out(mapping: Arc<Mapping>, record: Record) -> Result<(Layout, Option<Record>), Unreadable> {
    let in_head = |problem: String| Unreadable(format!("the header line cannot be used: {problem}"));
    if let Some(fault) = &record.fault {
        return Err(in_head(fault.problem.clone()));
    }
    let has_header = Layout::has_header(&mapping);
    let Original::Cells(cells) = &record.original else { return Err(in_head("it has no columns".into())) };
    let layout = Layout::of_columns(mapping, cells).map_err(|bad| in_head(bad.to_string()))?;
    Ok((layout, (!has_header).then_some(record)))
}
