//! One import, from its first byte to its last line.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::task::JoinHandle;

use super::Shared;
use super::batch::{self, Done, End, Judged, Line, Stopped};
use super::seen::{Met, Seen};
use crate::api::sends::Order;
use crate::api::{Access, Problem, strict};
use crate::config::{FeedFormat, Role};
use crate::feeds::{Entry, Fault, Form, Layout, Mapping, Original, Reader, Record, Refusal, Report, Wanted};
use crate::model::Name;

/// So many lines are examined before others get their turn on this thread.
const TURN: usize = 32;

/// Where a feed comes from.
#[async_trait]
pub trait Source: Send {
    /// What comes next. Nothing is lost if the future is dropped.
    async fn next(&mut self) -> Piece;
}

/// What comes next of a feed.
pub enum Piece {
    /// Bytes.
    Data(Bytes),
    /// Nothing right now: a good moment to deal with what was read.
    Pause,
    /// The end.
    End,
    /// It ends before its end; why.
    Broken(String),
}

/// Who hears what becomes of lines.
#[async_trait]
pub trait Sink: Send {
    /// How the feed is written: before anything else.
    async fn form(&mut self, form: &Form) -> Result<(), Gone>;
    /// A refused line, with what stands in it.
    async fn refused(&mut self, refusal: Refusal) -> Result<(), Gone>;
    /// What became of all lines that are dealt with so far.
    async fn done(&mut self, so_far: &Report) -> Result<(), Gone>;
}

/// Nobody hears any more, and why, if that is worth saying.
#[derive(Debug)]
pub struct Gone(pub String);

/// A feed of which nothing can be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);

/// A feed that was brought from elsewhere than the API.
#[derive(Debug, Clone)]
pub struct Brought {
    /// Who writes.
    pub brand: Name,
    /// The campaign of lines that name none.
    pub campaign: Option<Name>,
    /// The template of lines that name none.
    pub template: Option<Name>,
    /// The name of its mapping.
    pub mapping: Option<Name>,
    /// What its name says of how it is written.
    pub format: Option<FeedFormat>,
}

impl Brought {
    pub(super) fn job(self, shared: &Shared, access: Access) -> Result<Job, Unreadable> {
        let mapping = match &self.mapping {
            None => Arc::default(),
            Some(name) => shared
                .imports
                .mapping(name)
                .ok_or_else(|| Unreadable(format!("there is no mapping {name} in the configuration")))?,
        };
        debug_assert_eq!(access.role, Role::Operator, "folders are the operator's");
        let wanted = mapping.wanted().in_format(self.format);
        let order = Order { brand: self.brand, campaign: self.campaign, template: self.template };
        Ok(Job { access, order, mapping, wanted, dry_run: false, skip: 0, listed: u64::MAX })
    }
}

/// What an import is to do.
pub(super) struct Job {
    pub(super) access: Access,
    pub(super) order: Order,
    pub(super) mapping: Arc<Mapping>,
    pub(super) wanted: Wanted,
    pub(super) dry_run: bool,
    /// Records at the beginning that are not looked at.
    pub(super) skip: u64,
    /// Refused lines that the sink wants to hear of.
    pub(super) listed: u64,
}

/// One import under way.
pub(super) struct Import {
    shared: Arc<Shared>,
    job: Job,
    reader: Reader,
    layout: Layout,
    form: Form,
    /// The first record, where it is data.
    first: Option<Record>,
    ended: bool,
    seen: Seen,
    batch: Vec<Line>,
    under_way: Option<JoinHandle<Result<Vec<Done>, Stopped>>>,
    report: Report,
    /// Records read.
    read: u64,
}

/// Why an import goes no further.
enum Halt {
    Stopped(String),
}

impl From<Gone> for Halt {
    fn from(gone: Gone) -> Self {
        Self::Stopped(gone.0)
    }
}

impl Import {
    /// Reads as far as it takes to know what the feed's columns are.
    pub(super) async fn open(
        shared: Arc<Shared>,
        job: Job,
        source: &mut impl Source,
    ) -> Result<Self, Unreadable> {
        let unreadable = |bad: &dyn std::error::Error| Unreadable(bad.to_string());
        let mut reader = Reader::new(job.wanted, shared.max_line);
        let mut ended = false;
        let head = loop {
            match reader.form().cloned() {
                Some(form) if form.format == FeedFormat::Ndjson => break (form, None),
                Some(form) => match reader.record() {
                    Some(record) => break (form, Some(record)),
                    None if ended => {
                        return Err(Unreadable("there is no line in it, not even a header line".into()));
                    }
                    None => {}
                },
                None if ended => {
                    return Err(Unreadable("there is no line in it, not even a header line".into()));
                }
                None => {}
            }
            match source.next().await {
                Piece::Data(bytes) => reader.push(&bytes).map_err(|bad| unreadable(&bad))?,
                Piece::Pause => {}
                Piece::Broken(why) => return Err(Unreadable(why)),
                Piece::End => {
                    reader.finish().map_err(|bad| unreadable(&bad))?;
                    ended = true;
                }
            }
        };
        let (mut form, first) = head;
        let mapping = Arc::clone(&job.mapping);
        let (layout, first) = match first {
            None => (Layout::of_objects(mapping), None),
            Some(record) => lay_out(mapping, record)?,
        };
        form.columns = layout.columns().to_vec();
        form.header = form.format == FeedFormat::Csv && first.is_none();
        let report = Report { dry_run: job.dry_run, ..Report::default() };
        let (seen, batch) = (Seen::default(), Vec::new());
        Ok(Self {
            shared,
            job,
            reader,
            layout,
            form,
            first,
            ended,
            seen,
            batch,
            under_way: None,
            report,
            read: 0,
        })
    }

    /// Reads to the end, dealing with every line.
    pub(super) async fn run(mut self, source: &mut impl Source, sink: &mut impl Sink) -> Report {
        if let Err(Halt::Stopped(why)) = self.go(source, sink).await {
            if let Some(task) = self.under_way.take() {
                // Its sends may be accepted; nobody hears of them now, and they are the same when they come again.
                let _ = task.await;
            }
            self.report.stopped = Some(why);
        } else {
            self.report.complete = true;
            self.report.unterminated = self.reader.is_unterminated();
        }
        self.report
    }

    async fn go(&mut self, source: &mut impl Source, sink: &mut impl Sink) -> Result<(), Halt> {
        sink.form(&self.form).await?;
        let mut paused = false;
        loop {
            self.drain(sink).await?;
            if self.ended {
                break;
            }
            if paused && self.under_way.is_none() {
                self.dispatch();
            }
            let piece = tokio::select! {
                piece = source.next() => piece,
                done = finished(&mut self.under_way), if self.under_way.is_some() => {
                    self.under_way = None;
                    self.settle(done, sink).await?;
                    continue;
                }
            };
            paused = matches!(piece, Piece::Pause);
            match piece {
                Piece::Data(bytes) => self.reader.push(&bytes).map_err(stopped)?,
                Piece::Pause => {}
                Piece::End => {
                    self.reader.finish().map_err(stopped)?;
                    self.ended = true;
                }
                Piece::Broken(why) => {
                    self.flush(sink).await?;
                    return Err(Halt::Stopped(why));
                }
            }
        }
        self.flush(sink).await
    }

    /// Examines every record that is complete.
    async fn drain(&mut self, sink: &mut impl Sink) -> Result<(), Halt> {
        let mut turn = 0;
        while let Some(record) = self.first.take().or_else(|| self.reader.record()) {
            self.read += 1;
            if self.read <= self.job.skip {
                self.report.lines += 1;
                self.report.skipped += 1;
                continue;
            }
            match self.examine(record) {
                Ok(line) => self.batch.push(line),
                Err(problem) => {
                    self.flush(sink).await?;
                    return Err(Halt::Stopped(problem.detail().to_owned()));
                }
            }
            if self.batch.len() >= self.shared.batch {
                self.wait(sink).await?;
                self.dispatch();
            }
            turn += 1;
            if turn % TURN == 0 {
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }

    /// Finds out what is to become of a line; fails if that cannot be known now, because its brand is broken.
    fn examine(&mut self, record: Record) -> Result<Line, Problem> {
        let judged = match self.entry(&record) {
            Ok(entry) => self.judge(entry)?,
            Err(fault) => Judged::Refused(fault),
        };
        Ok(Line { number: record.line, original: record.original, judged })
    }

    fn judge(&mut self, entry: Entry) -> Result<Judged, Problem> {
        let spec = match self.shared.counter.examine_entry(&self.job.access, &self.job.order, entry) {
            Ok(spec) => spec,
            Err(problem) if problem.is_passing() => return Err(problem),
            Err(problem) => return Ok(Judged::Refused(batch::fault(&problem))),
        };
        Ok(match self.seen.meet(&spec) {
            Met::Again => Judged::Duplicate,
            Met::Otherwise if self.job.dry_run => {
                Judged::Refused(Fault::of("id", "is taken by an earlier line that says something else"))
            }
            Met::First | Met::Otherwise => Judged::Send(Box::new(spec)),
        })
    }

    fn entry(&self, record: &Record) -> Result<Entry, Fault> {
        if let Some(fault) = &record.fault {
            return Err(fault.clone());
        }
        match &record.original {
            Original::Cells(cells) => self.layout.entry(cells),
            Original::Text(text) => {
                let members = strict::parse(text.as_bytes()).map_err(|problem| batch::fault(&problem))?;
                self.layout.entry_of(members)
            }
        }
    }

    /// Sends the batch on its way to the store.
    fn dispatch(&mut self) {
        if !self.batch.is_empty() {
            let lines = std::mem::take(&mut self.batch);
            let (shared, dry_run) = (Arc::clone(&self.shared), self.job.dry_run);
            self.under_way = Some(tokio::spawn(batch::deal(shared, lines, dry_run)));
        }
    }

    /// Waits for the batch that is with the store, if there is one.
    async fn wait(&mut self, sink: &mut impl Sink) -> Result<(), Halt> {
        if self.under_way.is_some() {
            let done = finished(&mut self.under_way).await;
            self.under_way = None;
            self.settle(done, sink).await?;
        }
        Ok(())
    }

    /// Deals with everything that was read.
    async fn flush(&mut self, sink: &mut impl Sink) -> Result<(), Halt> {
        self.wait(sink).await?;
        self.dispatch();
        self.wait(sink).await?;
        sink.done(&self.report).await?;
        Ok(())
    }

    /// Counts what became of a batch, and tells.
    async fn settle(&mut self, done: Result<Vec<Done>, Stopped>, sink: &mut impl Sink) -> Result<(), Halt> {
        let done = done.map_err(|problem| Halt::Stopped(problem.detail().to_owned()))?;
        let before = self.report.clone();
        let mut refused = Vec::new();
        for line in done {
            self.report.lines += 1;
            match line.end {
                End::Accepted => self.report.accepted += 1,
                End::Same => self.report.same += 1,
                End::Duplicate => self.report.duplicate += 1,
                End::Refused(fault) => {
                    self.report.rejected += 1;
                    refused.push(refusal(line.number, line.original, fault));
                }
            }
        }
        if !self.job.dry_run {
            self.shared.imports.metrics.count(&self.job.order.brand, &before, &self.report);
        }
        for (at, refusal) in (before.rejected..).zip(refused) {
            if at < self.job.listed {
                sink.refused(refusal).await?;
            } else {
                self.report.not_listed += 1;
            }
        }
        Ok(sink.done(&self.report).await?)
    }
}

fn stopped(bad: impl std::fmt::Display) -> Halt {
    Halt::Stopped(bad.to_string())
}

/// The end of the batch that is with the store; a panic on the way is a mistake of ours.
async fn finished(
    under_way: &mut Option<JoinHandle<Result<Vec<Done>, Stopped>>>,
) -> Result<Vec<Done>, Stopped> {
    match under_way {
        Some(task) => task.await.unwrap_or_else(|_| Err(Problem::internal())),
        None => std::future::pending().await,
    }
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

fn refusal(line: u64, original: Original, fault: Fault) -> Refusal {
    let field = Some(fault.field).filter(|field| !field.is_empty());
    Refusal { line, field, problem: fault.problem, cells: None, text: None }.with(original)
}
