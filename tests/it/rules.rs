//! Prometheus rules: sound by promtool, which is told stories in which each must speak or be silent.

use std::path::Path;
use std::process::Command;

/// Runs promtool beside the rules; it must be content.
fn promtool(arguments: &[&str]) {
    let program = Path::new("/usr/bin/promtool");
    assert!(program.exists(), "promtool is missing: run tests/install");
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/grafana/prometheus");
    let said = Command::new(program).args(arguments).current_dir(beside).output().expect("it runs");
    let text = [said.stdout, said.stderr].concat();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&text));
}

#[test]
fn rules_are_sound() {
    promtool(&["check", "rules", "rules.yml"]);
}

#[test]
fn the_scrape_is_sound() {
    promtool(&["check", "config", "prometheus.yml"]);
}

#[test]
fn alerts_speak_when_they_must_and_else_are_silent() {
    promtool(&["test", "rules", "rules_test.yml"]);
}
