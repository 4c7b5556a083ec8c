//! The file for the call centre: who leaves e-mail is a line in it, once.

use std::collections::BTreeMap;
use std::fs;

use csv::StringRecord;
use jiff::Timestamp;

use super::Day;
use super::books::Story;
use super::cast::{Brand, Role};
use crate::support::wait::{SOON, wait_until};

/// One case, as the call centre reads it.
pub struct Line {
    reason: String,
    at: String,
    mails: u64,
    pub opens: u64,
}

/// Reads the brands' files, which must say of each case that was handed off what its event says, and of no other.
pub async fn reconciles(day: &Day, story: &Story) -> BTreeMap<String, Line> {
    let mut all = BTreeMap::new();
    for brand in Brand::BOTH {
        let cases = day.cases(brand, |_| true);
        let handed_off: BTreeMap<_, _> = cases
            .iter()
            .filter_map(|case| Some((&case.name, story.closed.get(&case.name)?)))
            .filter(|(_, closed)| closed.state == "handed_off")
            .collect();
        let lines = wait_until("the file is complete", SOON, async || {
            Some(read(day, brand)).filter(|lines| lines.len() >= handed_off.len())
        })
        .await;
        assert!(lines.keys().eq(handed_off.keys().copied()), "the cases that left e-mail, and no other");
        for (name, line) in &lines {
            let told = handed_off[name];
            let at: Timestamp = line.at.parse().expect("a moment");
            let told = (told.reason.as_str(), told.at, told.mails);
            assert_eq!((line.reason.as_str(), at, line.mails), told, "{name}");
        }
        for case in day.cases(brand, |role| role == Role::Both) {
            assert_eq!(lines[&case.name].opens, lines[&case.name].mails, "{} opened their mail", case.name);
        }
        all.extend(lines);
    }
    all
}

/// The lines of a brand's files by their cases: of one day, or of two if it is midnight.
fn read(day: &Day, brand: Brand) -> BTreeMap<String, Line> {
    let mut lines = BTreeMap::new();
    let Ok(files) = fs::read_dir(day.town.home.path().join("callcentre").join(brand.name())) else {
        return lines;
    };
    let files = files.map(|file| file.expect("the directory is ours").path());
    for file in files.filter(|file| file.extension().is_some_and(|extension| extension == "csv")) {
        let mut reader = csv::Reader::from_path(&file).expect("the file is readable");
        let columns = reader.headers().expect("it has a header line").clone();
        // A line that is being written is read the next time.
        for record in reader.records().map_while(Result::ok) {
            let (name, line) = line(&columns, &record, brand);
            assert!(lines.insert(name, line).is_none(), "each case once: {record:?}");
        }
    }
    lines
}

fn line(columns: &StringRecord, record: &StringRecord, brand: Brand) -> (String, Line) {
    let cell = |name: &str| {
        let place = columns.iter().position(|column| column == name);
        record[place.unwrap_or_else(|| panic!("no column {name} in {columns:?}"))].to_owned()
    };
    assert_eq!(cell("brand"), brand.name());
    let number = |name: &str| cell(name).parse().unwrap_or(0);
    let line = Line {
        reason: cell("reason"),
        at: cell("handed_off_at"),
        mails: number("mails"),
        opens: number("opens"),
    };
    (cell("case"), line)
}
