//! Every scenario of this crate runs, each for about a second against the gateway that was just built; what it measures there
//! means nothing, that it measures is what is tested. The older ones, and those that need Node, are run by hand.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Runs `vigie-load` with these arguments; its report as JSON.
fn report(arguments: &str) -> Value {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (file, pictures) = (directory.path().join("report.json"), directory.path().join("pictures"));
    let said = run(arguments, &[("--json", &file), ("--svg", &pictures)]);
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{arguments}: {error}\n{said}"));
    for picture in std::fs::read_dir(pictures).into_iter().flatten() {
        let picture = picture.expect("an entry").path();
        let text = std::fs::read_to_string(&picture).expect("a picture");
        assert!(text.starts_with("<svg") && text.contains("polyline"), "{}: {text}", picture.display());
    }
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{arguments}: {error}\n{text}"))
}

/// Runs `vigie-load`; what it printed.
fn run(arguments: &str, files: &[(&str, &Path)]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vigie-load"));
    command.args(arguments.split(' '));
    for (name, file) in files {
        command.arg(name).arg(file);
    }
    let output = command.output().expect("it was built for this test");
    let (said, wrong) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{arguments}: {}\n{said}\n{wrong}", output.status);
    said.into_owned()
}

/// A number of a report.
fn figure(report: &Value, name: &str) -> f64 {
    let value = &report["figures"][name]["value"];
    value.as_f64().unwrap_or_else(|| panic!("no figure {name}: {report:#}"))
}

/// A quantile in a report.
fn latency(report: &Value, name: &str, quantile: &str) -> f64 {
    let value = &report["latencies"][name][quantile];
    value.as_f64().unwrap_or_else(|| panic!("no latency {name} {quantile}: {report:#}"))
}

/// That `fires` with this kind of relay serves all its people, 20 in a second.
fn fires(sink: &str) -> Value {
    let report = report(&format!("fires --rate 20 --seconds 1 --waiting 10 --sink {sink}"));
    assert_eq!(latency(&report, "pixel planned → 250", "count").to_bits(), 20.0_f64.to_bits(), "{report:#}");
    assert!(figure(&report, "conservation gap").abs() < f64::EPSILON, "{report:#}");
    report
}

#[test]
fn pixels_at_a_rate_are_answered() {
    let report = report("pixels --rate 200 --seconds 1 --connections 4");
    assert_eq!(latency(&report, "pixel planned → answered", "count").to_bits(), 200.0_f64.to_bits());
}

#[test]
fn a_near_relay_takes_mails_in_one_round_trip() {
    assert!(figure(&fires("near"), "round trips per mail") < 1.5);
}

#[test]
fn a_far_relay_is_a_round_trip_away() {
    assert!(latency(&fires("far"), "pixel planned → 250", "p50") >= 20.0);
}

#[test]
fn a_slow_relay_takes_its_time() {
    assert!(latency(&fires("slow"), "pixel planned → 250", "p50") >= 200.0);
}

#[test]
fn what_a_relay_defers_goes_out_later() {
    assert!(figure(&fires("deferring"), "deferred by the sink") >= 4.0);
}

#[test]
fn the_peak_is_looked_for() {
    let report = report("peak --first 20 --most 40 --step 0.5 --closer 1");
    assert!(figure(&report, "most fires") > 0.0, "{report:#}");
}

#[test]
fn overload_leaves_nothing_unaccounted_for() {
    let report =
        report("overload --first 20 --most 20 --step 0.5 --closer 0 --times 2 --seconds 0.5 --after 0.5");
    assert!(figure(&report, "pixels refused or unanswered").abs() < f64::EPSILON, "{report:#}");
    assert!(figure(&report, "peak memory") > 0.0, "{report:#}");
}

#[test]
fn a_soak_looks_at_memory_and_files() {
    let report = report("soak --minutes 0.02 --slice 0.5 --rate 20 --readers 100");
    assert!(figure(&report, "most open files") > 3.0, "{report:#}");
    assert!(
        report["series"]["memory"]["points"].as_array().is_some_and(|points| points.len() > 2),
        "{report:#}"
    );
}

#[test]
fn a_day_has_its_feed_its_pause_and_its_settled_cases() {
    let report = report("day --minutes 0.05 --peak 40 --readers 2 --settled 48");
    assert_eq!(figure(&report, "cases settled").to_bits(), 48.0_f64.to_bits(), "{report:#}");
    assert!(figure(&report, "got no mail").abs() < f64::EPSILON, "{report:#}");
}

#[test]
fn three_ways_to_hand_letters_over_are_compared() {
    let report = report("relays --seconds 0.2 --rounds 1 --messages 50");
    for side in ["vigie letters", "lettre letters", "smtp-source letters"] {
        assert!(figure(&report, side) > 0.0, "{side}: {report:#}");
    }
}

#[test]
fn results_hold_what_was_measured_and_nothing_else() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("RESULTS.md");
    run("results --only none", &[("--file", &file)]);
    let page = std::fs::read_to_string(&file).expect("it was written");
    assert!(page.contains("| kernel | ") && page.contains("| Postfix | "), "{page}");
    let targets = page.lines().skip_while(|line| !line.starts_with("## Targets"));
    let rows: Vec<&str> = targets.skip(4).take_while(|line| line.starts_with('|')).collect();
    assert!(rows.len() >= 10, "{page}");
    assert!(
        rows.iter().all(|row| row.contains("| no figure |")),
        "nothing was measured, so nothing is told:\n{page}"
    );
}
