//! One import, from its first byte to its last line.

use std::sync::Arc;

use tokio::task::JoinHandle;

use super::Shared;
use super::batch::{self, Done, End, Judged, Line, Stopped};
use super::ends::{Gone, Piece, Sink, Source, Unreadable};
use super::job::Job;
use super::open::Opened;
use super::seen::{Met, Seen};
use crate::api::{Problem, strict};
use crate::feeds::{Entry, Fault, Original, Record, Refusal, Report};

/// So many lines are examined before others get their turn on this thread.
const TURN: usize = 32;

/// One import under way.
pub(super) struct Import {
    shared: Arc<Shared>,
    job: Job,
    feed: Opened,
    seen: Seen,
    batch: Vec<Line>,
    under_way: Option<JoinHandle<Result<Vec<Done>, Stopped>>>,
    report: Report,
    /// Records read.
    read: u64,
}

/// Why an import goes no further.
struct Halt(String);

impl From<Gone> for Halt {
    fn from(gone: Gone) -> Self {
        Self(gone.0)
    }
}

impl Import {
    /// Reads as far as it takes to know what the feed's columns are.
    pub(super) async fn open(
        shared: Arc<Shared>,
        job: Job,
        source: &mut impl Source,
    ) -> Result<Self, Unreadable> {
        let feed = Opened::new(&shared, &job, source).await?;
        let report = Report { dry_run: job.dry_run, ..Report::default() };
        let (seen, batch) = (Seen::default(), Vec::new());
        Ok(Self { shared, job, feed, seen, batch, under_way: None, report, read: 0 })
    }

    /// Reads to the end, dealing with every line.
    pub(super) async fn run(mut self, source: &mut impl Source, sink: &mut impl Sink) -> Report {
        if let Err(Halt(why)) = self.go(source, sink).await {
            if let Some(task) = self.under_way.take() {
                // Its sends may be accepted; nobody hears of them now, and they are the same when they come again.
                let _ = task.await;
            }
            self.report.stopped = Some(why);
        } else {
            self.report.complete = true;
            self.report.unterminated = self.feed.reader.is_unterminated();
        }
        self.report
    }

    async fn go(&mut self, source: &mut impl Source, sink: &mut impl Sink) -> Result<(), Halt> {
        sink.form(&self.feed.form).await?;
        let mut paused = false;
        loop {
            self.drain(sink).await?;
            if self.feed.ended {
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
                Piece::Data(bytes) => self.feed.reader.push(&bytes).map_err(stopped)?,
                Piece::Pause => {}
                Piece::End => {
                    self.feed.reader.finish().map_err(stopped)?;
                    self.feed.ended = true;
                }
                Piece::Broken(why) => {
                    self.flush(sink).await?;
                    return Err(Halt(why));
                }
            }
        }
        self.flush(sink).await
    }

    /// Examines every record that is complete.
    async fn drain(&mut self, sink: &mut impl Sink) -> Result<(), Halt> {
        let mut turn = 0;
        while let Some(record) = self.feed.first.take().or_else(|| self.feed.reader.record()) {
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
                    return Err(Halt(problem.detail().to_owned()));
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
        let fed = match self.shared.counter.examine_entry(&self.job.access, &self.job.order, entry) {
            Ok(fed) => fed,
            Err(problem) if problem.is_passing() => return Err(problem),
            Err(problem) => return Ok(Judged::Refused(batch::fault(&problem))),
        };
        let anew = fed.case.as_ref().is_some_and(|case| self.seen.hear(case));
        let met = match &fed.send {
            Some(send) => self.seen.meet(send),
            None if anew => Met::First,
            None => Met::Again,
        };
        Ok(match met {
            Met::Again => Judged::Again(fed.case.filter(|_| anew).map(Box::new)),
            Met::Otherwise if self.job.dry_run => {
                Judged::Refused(Fault::of("id", "is taken by an earlier line that says something else"))
            }
            Met::First | Met::Otherwise => Judged::Fed(Box::new(fed)),
        })
    }

    fn entry(&self, record: &Record) -> Result<Entry, Fault> {
        if let Some(fault) = &record.fault {
            return Err(fault.clone());
        }
        match &record.original {
            Original::Cells(cells) => self.feed.layout.entry(cells),
            Original::Text(text) => {
                let members = strict::parse(text.as_bytes()).map_err(|problem| batch::fault(&problem))?;
                self.feed.layout.entry_of(members)
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
        let done = done.map_err(|problem| Halt(problem.detail().to_owned()))?;
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
    Halt(bad.to_string())
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

fn refusal(line: u64, original: Original, fault: Fault) -> Refusal {
    let field = Some(fault.field).filter(|field| !field.is_empty());
    Refusal { line, field, problem: fault.problem, cells: None, text: None }.with(original)
}
