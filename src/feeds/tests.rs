mod mapping;
mod reading;

use std::sync::Arc;

use super::*;

/// Reads a whole feed, as it arrives in pieces of `size` bytes.
fn read(bytes: &[u8], size: usize, wanted: Wanted, max_record: usize) -> (Form, Vec<Record>) {
    let mut reader = Reader::new(wanted, max_record);
    let mut records = Vec::new();
    for piece in bytes.chunks(size) {
        reader.push(piece).expect("it can be read");
        records.extend(std::iter::from_fn(|| reader.record()));
    }
    reader.finish().expect("it can be read");
    records.extend(std::iter::from_fn(|| reader.record()));
    (reader.form().expect("it has ended").clone(), records)
}

/// The cells of a record.
fn cells(record: &Record) -> &[String] {
    match &record.original {
        Original::Cells(cells) => cells,
        Original::Text(_) => panic!("this is no CSV"),
    }
}

/// Entries of a feed under a mapping file.
fn entries(mapping: &str, feed: &str) -> Vec<Result<Entry, Fault>> {
    let mapping = Arc::new(Mapping::new(&toml::from_str(mapping).expect("TOML")).expect("a mapping"));
    let (form, records) = read(feed.as_bytes(), 7, mapping.wanted(), 1000);
    let mut records = records.into_iter();
    if form.format == crate::config::FeedFormat::Ndjson {
        let layout = Layout::of_objects(mapping);
        return records
            .map(|record| match record.original {
                Original::Text(text) => layout.entry_of(serde_json::from_str(&text).expect("JSON")),
                Original::Cells(_) => panic!("this is no NDJSON"),
            })
            .collect();
    }
    let first = records.next().expect("a first line");
    let layout = Layout::of_columns(Arc::clone(&mapping), cells(&first)).expect("it fits");
    let first = (!Layout::has_header(&mapping)).then_some(first);
    first.into_iter().chain(records).map(|record| layout.entry(cells(&record))).collect()
}
