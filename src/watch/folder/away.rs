//! Putting a file away, with what became of it.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;

use super::claim::Claim;
use crate::config;
use crate::feeds::{Refusal, Report};
use crate::model::Name;

/// Where files go that are done with.
pub(super) const PROCESSED: &str = "processed";

/// Where refused lines go, and files that cannot be read.
pub(super) const REJECTED: &str = "rejected";

/// Where refused lines are written while a file is imported.
pub(super) fn draft(directory: &Path, name: &str, gateway: &str) -> PathBuf {
    directory.join(REJECTED).join(format!(".{name}.rejected.{gateway}"))
}

/// What became of a file, as its report says it.
#[derive(Serialize)]
pub(super) struct Sheet {
    file: String,
    folder: Name,
    brand: Name,
    /// When it was done with.
    at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    unreadable: Option<String>,
    report: Report,
    /// The first refused lines.
    problems: Vec<Refusal>,
}

impl Sheet {
    pub(super) fn processed(
        name: &Name,
        folder: &config::FeedFolder,
        claim: &Claim,
        at: Timestamp,
        report: Report,
        problems: Vec<Refusal>,
    ) -> Self {
        let (file, brand) = (claim.name().to_owned(), folder.brand.clone());
        Self { file, folder: name.clone(), brand, at, unreadable: None, report, problems }
    }

    pub(super) fn rejected(
        name: &Name,
        folder: &config::FeedFolder,
        claim: &Claim,
        at: Timestamp,
        report: Report,
        why: String,
    ) -> Self {
        let unreadable = Some(why);
        Self { unreadable, ..Self::processed(name, folder, claim, at, report, Vec::new()) }
    }
}

/// Puts a file and all that belongs to it away. The file itself comes last: until then it would be imported again.
pub(super) async fn put(
    folder: &config::FeedFolder,
    claim: Claim,
    sheet: Sheet,
    draft: PathBuf,
) -> io::Result<()> {
    let directory = folder.directory.clone();
    let put = tokio::task::spawn_blocking(move || put_now(&directory, &claim, &sheet, &draft));
    put.await.map_err(io::Error::other)?
}

fn put_now(directory: &Path, claim: &Claim, sheet: &Sheet, draft: &Path) -> io::Result<()> {
    let rejected = directory.join(REJECTED);
    let place = if sheet.unreadable.is_some() { rejected.clone() } else { directory.join(PROCESSED) };
    let name = free_name(&place, &rejected, claim.name());
    match fs::rename(draft, rejected.join(format!("{name}.rejected"))) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    write_whole(&place.join(format!("{name}.report.json")), sheet)?;
    fs::rename(claim.path(), place.join(name))
}

/// The file's name, or the first that follows it and is free.
fn free_name(place: &Path, rejected: &Path, name: &str) -> String {
    let taken = |name: &str| place.join(name).exists() || rejected.join(format!("{name}.rejected")).exists();
    let numbered = (2_u64..).map(|number| format!("{name}.{number}"));
    std::iter::once(name.to_owned())
        .chain(numbered)
        .find(|name| !taken(name))
        .unwrap_or_else(|| name.to_owned())
}

/// Appears whole or not at all.
fn write_whole(path: &Path, sheet: &Sheet) -> io::Result<()> {
    let draft =
        path.with_file_name(format!(".{}.draft", path.file_name().unwrap_or_default().to_string_lossy()));
    let mut file = File::create(&draft)?;
    serde_json::to_writer_pretty(&mut file, sheet)?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    fs::rename(draft, path)
}
