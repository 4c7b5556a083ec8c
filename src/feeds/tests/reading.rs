//! From bytes to records, however they are written and wherever they are cut.

use proptest::prelude::*;

use super::*;
use crate::config::FeedFormat;

/// Line, cells and problem of each record.
fn shown(records: &[Record]) -> Vec<(u64, String, String)> {
    let one = |record: &Record| {
        let problem = record.fault.as_ref().map(|fault| fault.problem.clone()).unwrap_or_default();
        (record.line, cells(record).join("|"), problem)
    };
    records.iter().map(one).collect()
}

fn plain(bytes: &[u8]) -> Vec<(u64, String)> {
    let (_, records) = read(bytes, 3, Wanted::default(), 1000);
    shown(&records).into_iter().map(|(line, cells, problem)| (line, cells + &problem)).collect()
}

fn lines(expected: &[(u64, &str)]) -> Vec<(u64, String)> {
    expected.iter().map(|(line, text)| (*line, (*text).to_owned())).collect()
}

#[test]
fn records_know_the_line_they_begin_on() {
    let feed = b"\n\na;b\r\n\"1\r\n;x\";2\r\n\r\n;\r\n3;4";
    assert_eq!(plain(feed), lines(&[(3, "a|b"), (4, "1\r\n;x|2"), (8, "3|4")]));
}

#[test]
fn the_delimiter_is_found_in_the_first_line() {
    for (feed, delimiter) in [
        ("a,b;c,d\n", ','),
        ("a;b\n1,2;3,4\n", ';'),
        ("a\tb,c\td\n", '\t'),
        ("a|b\n", '|'),
        ("\"a;b;c;d\",e\n", ','),
        ("alone\n", ','),
    ] {
        let (form, _) = read(feed.as_bytes(), 2, Wanted::default(), 1000);
        assert_eq!(form.delimiter, Some(delimiter), "{feed}");
    }
    let wanted = Wanted::default().overridden(None, Some("tab")).expect("a delimiter");
    assert_eq!(shown(&read(b"a;b\tc\n", 2, wanted, 1000).1)[0].1, "a;b|c");
    assert!(delimiter("ab").is_err() && delimiter("\"").is_err() && delimiter("x").is_err());
}

#[test]
fn encodings_are_told_by_mark_by_name_or_by_what_they_are_not() {
    let text = "nom;ville\nÉloïse;Orléans\n";
    let utf_16 = |bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect::<Vec<_>>();
    let (latin, ..) = encoding_rs::WINDOWS_1252.encode(text);
    let marked = |mark: &[u8], bytes: &[u8]| [mark, bytes].concat();
    for (bytes, name) in [
        (text.as_bytes().to_vec(), "UTF-8"),
        (marked(b"\xef\xbb\xbf", text.as_bytes()), "UTF-8"),
        (latin.to_vec(), "windows-1252"),
        (marked(b"\xff\xfe", &utf_16(u16::to_le_bytes)), "UTF-16"),
        (marked(b"\xfe\xff", &utf_16(u16::to_be_bytes)), "UTF-16"),
    ] {
        let (form, records) = read(&bytes, 5, Wanted::default(), 1000);
        assert_eq!(form.encoding, name);
        assert_eq!(shown(&records)[0].1, "nom|ville", "{name}");
        assert_eq!(shown(&records)[1].1, "Éloïse|Orléans", "{name}");
    }
    let named = Wanted::default().overridden(Some("utf-16be"), None).expect("it exists");
    assert_eq!(shown(&read(&utf_16(u16::to_be_bytes), 5, named, 1000).1)[1].1, "Éloïse|Orléans");
    let mut unmarked = Reader::new(Wanted::default(), 1000);
    let refused = unmarked.push(&utf_16(u16::to_le_bytes)).and_then(|()| unmarked.finish());
    assert_eq!(refused, Err(BadEncoding::Utf16));
    assert!(Wanted::default().overridden(Some("latin-9000"), None).is_err());
}

#[test]
fn bytes_that_mean_nothing_are_a_problem_of_their_line() {
    let utf_8 = Wanted::default().overridden(Some("utf-8"), None).expect("it exists");
    let (_, records) = read(b"a,b\n1,\xe9\n2,\xc3\xa9\n\xef\xbf\xbd,3\n", 1, utf_8, 1000);
    let records = shown(&records);
    assert!(records[1].2.contains("not UTF-8") && records[1].1 == "1|\u{fffd}", "{records:?}");
    assert_eq!(records[2], (3, "2|é".into(), String::new()));
    assert!(records[3].2.contains("U+FFFD"), "{records:?}");
    // The two halves of a character in two cells are no character.
    let (_, records) = read(b"a,b\n\xc3,\xa9\n", 64, utf_8, 1000);
    assert!(records[1].fault.is_some());
}

#[test]
fn what_is_too_long_is_refused_and_the_rest_goes_on() {
    let long = "x".repeat(5000);
    let feed = format!("a,b\n1,{long}\n2,\"{long}\n{long}\"\n3,ok\n{}\n4,ok\n", ",".repeat(3000));
    let (_, records) = read(feed.as_bytes(), 999, Wanted::default(), 4000);
    let shown = shown(&records);
    let problems: Vec<_> = shown.iter().map(|(line, _, problem)| (*line, problem.as_str())).collect();
    let too_long = "is longer than 4000 bytes";
    assert_eq!(
        problems,
        [(1, ""), (2, too_long), (3, too_long), (5, ""), (6, "has more than 1024 columns"), (7, "")]
    );
}

#[test]
fn a_quoted_field_that_is_never_closed_swallows_no_send_silently() {
    let (_, records) = read(b"a,b\n1,2\n3,\"torn\n4,5\n", 4, Wanted::default(), 1000);
    let shown = shown(&records);
    assert_eq!(shown.len(), 3);
    assert!(shown[2].0 == 3 && shown[2].2.contains("never closed"), "{shown:?}");
}

#[test]
fn the_last_line_needs_no_end_and_its_lack_is_known() {
    let mut reader = Reader::new(Wanted::default(), 1000);
    reader.push(b"a,b\n1,2").and_then(|()| reader.finish()).expect("it can be read");
    assert_eq!(std::iter::from_fn(|| reader.record()).count(), 2);
    assert!(reader.is_unterminated());
}

#[test]
fn ndjson_is_told_by_its_first_byte() {
    let (form, records) = read(b"\n {\"a\":1}\r\n\n{\"b\":\"\xc3\xa9\"}", 3, Wanted::default(), 12);
    assert_eq!(form.format, FeedFormat::Ndjson);
    let lines: Vec<_> = records.iter().map(|record| record.line).collect();
    assert_eq!(lines, [2, 4]);
    assert!(records.iter().all(|record| record.fault.is_none()));
    let (_, records) = read(b"{\"a\":\"too long\"}\n{}", 3, Wanted::default(), 12);
    assert!(records[0].fault.is_some() && records[1].fault.is_none());
}

proptest! {
    /// What the csv crate writes is what we read, with any cells, wherever the pieces are cut.
    #[test]
    fn we_read_what_the_csv_crate_writes(
        rows in prop::collection::vec(prop::collection::vec("[a-z\",;\n\ré ]{0,12}", 3), 1..20),
        size in 1_usize..40,
        delimiter in prop::sample::select(vec![b',', b';', b'\t', b'|']),
    ) {
        let mut writer = ::csv::WriterBuilder::new().delimiter(delimiter).from_writer(Vec::new());
        for row in &rows {
            writer.write_record(row).expect("memory takes it");
        }
        let bytes = writer.into_inner().expect("memory takes it");
        let wanted = Wanted::default().in_format(Some(FeedFormat::Csv));
        let wanted = wanted.overridden(None, Some(match delimiter { b'\t' => "tab", b',' => ",", b';' => ";", _ => "|" }));
        let (_, records) = read(&bytes, size, wanted.expect("a delimiter"), 1000);
        let trimmed = |row: &Vec<String>| row.iter().map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
        let blank = |row: &Vec<String>| row.iter().all(String::is_empty);
        let expected: Vec<_> = rows.iter().map(trimmed).filter(|row| !blank(row)).collect();
        let found: Vec<_> = records.iter().map(|record| cells(record).to_vec()).collect();
        prop_assert_eq!(found, expected);
        prop_assert!(records.iter().all(|record| record.fault.is_none()));
    }

    /// Any bytes at all: the pieces do not matter, and nothing panics.
    #[test]
    fn the_pieces_do_not_matter(bytes in prop::collection::vec(prop::sample::select(b"ab,;\"\n\r\xc3\xa9{}".to_vec()), 0..200), size in 1_usize..20) {
        let wanted = Wanted::default().overridden(Some("utf-8"), Some(",")).expect("both exist");
        let csv = wanted.in_format(Some(FeedFormat::Csv));
        let (whole, cut) = (read(&bytes, 1000, csv, 50).1, read(&bytes, size, csv, 50).1);
        prop_assert_eq!(shown(&whole), shown(&cut));
    }
}
