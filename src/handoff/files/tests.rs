use std::os::unix::fs::PermissionsExt;

use jiff::tz::TimeZone;
use serde_json::json;

use super::*;
use crate::model::Event;

fn line(n: usize) -> Line {
    let event = Event {
        id: n.to_string(),
        kind: "case.handed_off".into(),
        at: "2026-11-23T10:00:00Z".parse().expect("a moment"),
        brand: "demo".parse().expect("a name"),
        data: json!({"id": format!("K-{n}"), "reason": "a \"reason\", quoted", "mails": n}),
    };
    Line::of(&event, &TimeZone::UTC).expect("a line")
}

fn lines(many: usize) -> Vec<Line> {
    (0..many).map(line).collect()
}

fn open(dir: &Path) -> Files {
    Files::open(dir.join("handoff")).expect("it can be made").expect("nobody has it")
}

#[test]
fn wherever_a_process_was_killed_each_line_is_there_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("handoff/demo/2026-11-23.csv");
    assert_eq!(open(dir.path()).add(&lines(4)).expect("it is ours").len(), 4);
    let whole = fs::read(&path).expect("it is there");
    let rights = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(rights(&path) & !0o640, 0);
    assert_eq!(rights(path.parent().expect("a directory")) & !0o750, 0);
    for cut in 0..=whole.len() {
        fs::write(&path, &whole[..cut]).expect("it is ours");
        let added = open(dir.path()).add(&lines(4)).expect("it is ours").len();
        assert_eq!(fs::read(&path).expect("it is there"), whole, "cut at {cut}");
        let kept = whole[..cut].iter().filter(|byte| **byte == b'\n').count().saturating_sub(1);
        assert_eq!(added, 4 - kept, "cut at {cut}");
    }
}

#[test]
fn what_comes_again_is_passed_over_and_who_has_the_lock_writes() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut files = open(dir.path());
    assert!(Files::open(dir.path().join("handoff")).expect("it is there").is_none(), "another has it");
    assert_eq!(files.add(&[line(1), line(1), line(2)]).expect("it is ours").len(), 2);
    assert_eq!(files.add(&[line(2), line(3)]).expect("it is ours").len(), 1);
    // Whoever takes a file away begins a new one.
    let path = dir.path().join("handoff/demo/2026-11-23.csv");
    fs::rename(&path, dir.path().join("taken.csv")).expect("it is ours");
    assert_eq!(files.add(&[line(4)]).expect("it is ours").len(), 1);
    let text = fs::read_to_string(&path).expect("it is there");
    assert!(text.starts_with("case,brand,") && text.lines().count() == 2, "{text}");
    drop(files);
    open(dir.path());
}
