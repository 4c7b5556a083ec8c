//! Which version of a folder lies on the disk, without reading its files.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Tells one version of a folder from another: each file's identity, length and times, as the kernel keeps them.
///
/// What is asked for is the file at the end of all symbolic links, so turning a link anywhere on the way (as Kubernetes
/// does with `..data`, or whoever deploys by `ln -sfn`) is a change like any other. That, and network file systems that
/// tell nobody of changes, is why folders are looked at every moment rather than watched by the kernel: it takes some
/// microseconds for a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stamp(BTreeMap<PathBuf, Option<Mark>>);

/// One file's: device, inode, length, and the two times in nanoseconds.
type Mark = (u64, u64, u64, i128, i128);

impl Stamp {
    /// Of the files in this folder and in the folders in it. Hidden ones are left out: they are editors' or deployments'.
    pub(super) fn of(folder: &Path) -> Self {
        let mut marks = BTreeMap::new();
        add(folder, true, &mut marks);
        Self(marks)
    }
}

fn add(folder: &Path, deeper: bool, marks: &mut BTreeMap<PathBuf, Option<Mark>>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let path = entry.path();
        let metadata = fs::metadata(&path).ok();
        if deeper && metadata.as_ref().is_some_and(fs::Metadata::is_dir) {
            add(&path, false, marks);
        }
        marks.insert(path, metadata.map(|metadata| mark(&metadata)));
    }
}

fn mark(metadata: &fs::Metadata) -> Mark {
    let time = |seconds: i64, nanoseconds: i64| i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds);
    (
        metadata.dev(),
        metadata.ino(),
        metadata.len(),
        time(metadata.mtime(), metadata.mtime_nsec()),
        time(metadata.ctime(), metadata.ctime_nsec()),
    )
}
