//! The files as the call centre reads them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// All files of the sample brand.
pub struct Files<'a>(pub &'a Path);

impl Files<'_> {
    fn read(&self, settled: bool) -> Vec<String> {
        let Ok(found) = std::fs::read_dir(self.0.join("demo")) else { return Vec::new() };
        let paths = found.map(|entry| entry.expect("it is ours").path());
        let wanted = |path: &std::path::PathBuf| path.to_string_lossy().ends_with("-settled.csv") == settled;
        let mut paths: Vec<_> = paths.filter(wanted).collect();
        paths.sort();
        paths.iter().map(|path| std::fs::read_to_string(path).expect("text")).collect()
    }

    /// Every line, by its columns: of the cases handed off, or of those settled afterwards.
    pub fn rows(&self, file: &str) -> Vec<BTreeMap<String, String>> {
        let mut all = Vec::new();
        for text in self.read(file == "settled") {
            // One that is being written may end within a line.
            let whole = text.rfind('\n').map_or("", |last| &text[..=last]);
            let mut reader = csv::Reader::from_reader(whole.as_bytes());
            all.extend(reader.deserialize().map(|row| row.expect("a line by its columns")));
        }
        all
    }

    /// The distinct cases.
    pub fn cases(&self, file: &str) -> BTreeSet<String> {
        self.rows(file).into_iter().map(|row| row["case"].clone()).collect()
    }

    /// All that is written.
    pub fn text(&self) -> String {
        [self.read(false), self.read(true)].concat().concat()
    }
}
