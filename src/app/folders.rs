//! Files in watched folders go to the same counter as what is pushed.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Listener;
use crate::api::{Brought, Desk, Doors, Gone, Piece, Sink, Source};
use crate::clock::Clock;
use crate::config::{self, FeedFormat};
use crate::feeds::{Form, Refusal, Rejects, Report};
use crate::telemetry::Registry;
use crate::watch::folder::{Dropped, Folders, Import, Imported, Metrics};

/// Bytes read at a time.
const PIECE: usize = 256 * 1024;

/// Refused lines that a report lists.
const LISTED: usize = 1000;

/// Starts to watch the configured folders, where there are any; describes the metrics in any case.
pub(super) fn watch(
    config: &config::Feeds,
    doors: &Doors,
    clock: Clock,
    registry: &Registry,
) -> Option<Listener> {
    let metrics = Metrics::new(registry);
    if config.folders.is_empty() {
        return None;
    }
    let folders = Folders::new(config, importer(Desk::new(doors)), metrics, clock);
    Some(Listener::start(|stop| folders.run(stop)))
}

/// The API's counter, as the watcher of folders knows it.
fn importer(desk: Desk) -> Import {
    let desk = Arc::new(desk);
    Arc::new(move |dropped| {
        let desk = Arc::clone(&desk);
        Box::pin(async move { import(&desk, dropped).await })
    })
}

async fn import(desk: &Desk, dropped: Dropped) -> Imported {
    let unreadable = |why: String| Imported::Unreadable(why, Report::default());
    let mut source = match open(&dropped.path, &dropped.name) {
        Ok(file) => FileSource::start(file, dropped.stop.clone()),
        Err(error) => return unreadable(error.to_string()),
    };
    // What a crash left behind belongs to lines that come again.
    let _ = std::fs::remove_file(&dropped.rejected);
    let mut sink = Writing { path: dropped.rejected, form: None, rejects: None, listed: Vec::new() };
    let folder = dropped.folder;
    let brought = Brought {
        brand: folder.brand,
        campaign: folder.campaign,
        template: folder.template,
        mapping: folder.mapping,
        format: Some(format(&dropped.name)),
    };
    let report = match desk.import(brought, &mut source, &mut sink).await {
        Ok(report) => report,
        Err(_) if dropped.stop.is_cancelled() => return Imported::Later("the gateway stops".into()),
        Err(bad) => return unreadable(source.failure.unwrap_or(bad.0)),
    };
    match (source.failure, report.stopped.clone()) {
        (Some(failure), _) => Imported::Unreadable(failure, report),
        (None, Some(why)) => Imported::Later(why),
        (None, None) => {
            let listed = sink.listed.len() as u64;
            let report = Report { not_listed: report.rejected - listed, ..report };
            Imported::Done(report, sink.listed)
        }
    }
}

/// What a file's name says of how it is written.
fn format(name: &str) -> FeedFormat {
    let name = name.to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    match name.rsplit_once('.') {
        Some((_, "csv")) => FeedFormat::Csv,
        _ => FeedFormat::Ndjson,
    }
}

fn open(path: &Path, name: &str) -> io::Result<Box<dyn Read + Send>> {
    let file = File::open(path)?;
    let compressed = name.to_ascii_lowercase().ends_with(".gz");
    Ok(if compressed { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) })
}

/// A file, read ahead in a thread of its own.
struct FileSource {
    pieces: mpsc::Receiver<io::Result<Bytes>>,
    stop: CancellationToken,
    /// Why it could not be read to its end.
    failure: Option<String>,
}

impl FileSource {
    fn start(mut file: Box<dyn Read + Send>, stop: CancellationToken) -> Self {
        let (sender, pieces) = mpsc::channel(2);
        tokio::task::spawn_blocking(move || {
            loop {
                let mut piece = Vec::with_capacity(PIECE);
                let read = file.by_ref().take(PIECE as u64).read_to_end(&mut piece);
                let last = read.is_err() || piece.is_empty();
                let said =
                    (!piece.is_empty()).then(|| Ok(piece.into())).into_iter().chain(read.err().map(Err));
                for piece in said {
                    // Nobody waits for it any more.
                    if sender.blocking_send(piece).is_err() {
                        return;
                    }
                }
                if last {
                    return;
                }
            }
        });
        Self { pieces, stop, failure: None }
    }
}

#[async_trait]
impl Source for FileSource {
    async fn next(&mut self) -> Piece {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Piece::Broken("the gateway stops".into()),
            piece = self.pieces.recv() => match piece {
                None => Piece::End,
                Some(Ok(bytes)) => Piece::Data(bytes),
                Some(Err(error)) => {
                    let failure = format!("cannot be read to its end: {error}");
                    self.failure = Some(failure.clone());
                    Piece::Broken(failure)
                }
            },
        }
    }
}

/// Writes refused lines down, and keeps the first for the report.
struct Writing {
    path: PathBuf,
    form: Option<Form>,
    rejects: Option<Rejects<BufWriter<File>>>,
    listed: Vec<Refusal>,
}

impl Writing {
    fn write(&mut self, refusal: &Refusal) -> io::Result<()> {
        let Some(form) = &self.form else { return Ok(()) };
        if self.rejects.is_none() {
            // Whoever may write into the folder's group may correct them; nobody else reads addresses.
            let file =
                OpenOptions::new().write(true).create(true).truncate(true).mode(0o660).open(&self.path)?;
            self.rejects = Some(Rejects::new(BufWriter::new(file), form, false)?);
        }
        let Some(rejects) = &mut self.rejects else { return Ok(()) };
        rejects.write(form, refusal)
    }
}

#[async_trait]
impl Sink for Writing {
    async fn form(&mut self, form: &Form) -> Result<(), Gone> {
        self.form = Some(form.clone());
        Ok(())
    }

    async fn refused(&mut self, refusal: Refusal) -> Result<(), Gone> {
        self.write(&refusal).map_err(|error| unwritable(&error))?;
        if self.listed.len() < LISTED {
            self.listed.push(refusal.bare());
        }
        Ok(())
    }

    async fn done(&mut self, _: &Report) -> Result<(), Gone> {
        self.rejects.as_mut().map_or(Ok(()), Rejects::flush).map_err(|error| unwritable(&error))
    }
}

fn unwritable(error: &io::Error) -> Gone {
    Gone(format!("refused lines cannot be written: {error}"))
}
