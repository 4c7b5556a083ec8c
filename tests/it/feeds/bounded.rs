//! Any number of lines, a bounded memory.

use vigie::feeds::{Original, Reader, Wanted};

use super::rig::{HEADER, lines};

/// What this process has in memory at most so far, in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("this is Linux");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("the kernel says it");
    line.split_whitespace().nth(1).expect("a number").parse().expect("a number")
}

#[test]
fn three_hundred_thousand_lines_are_read_in_little_memory() {
    let piece = lines(0, 1000);
    let before = peak();
    let mut reader = Reader::new(Wanted::default(), 65_536);
    reader.push(HEADER.as_bytes()).expect("it can be read");
    let mut read = 0;
    for _ in 0..300 {
        reader.push(piece.as_bytes()).expect("it can be read");
        while let Some(record) = reader.record() {
            assert!(matches!(record.original, Original::Cells(cells) if cells.len() == 4));
            read += 1;
        }
    }
    // Then a quote that is never closed: 35 MB of one field.
    reader.push(b"\"").expect("it can be read");
    for _ in 0..900 {
        reader.push(piece.as_bytes()).expect("it can be read");
        assert!(reader.record().is_none());
    }
    reader.finish().expect("it can be read");
    let last = reader.record().expect("the torn one");
    assert!(last.fault.is_some_and(|fault| fault.problem.contains("never closed")));
    assert_eq!(read, 300_001);
    let grown = peak() - before;
    assert!(grown < 16 * 1024, "{grown} KiB more");
}
