//! What operators saw of the day: a real Prometheus scraped both gateways, and every question of every dashboard and rule has
//! an answer.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use regex::Regex;
use serde_json::Value;

use super::town::Town;
use crate::support::prometheus::Prometheus;

/// What stands for Grafana's variables.
const CHOSEN: [(&str, &str); 5] = [
    ("$__rate_interval", "2m"),
    ("$__range", "2m"),
    ("$brand", "azur|boreal"),
    ("$campaign", ".*"),
    ("$instance", ".*"),
];

/// A query, and where it stands.
struct Asked {
    place: String,
    query: String,
}

/// Every panel of every dashboard and every part of every rule says something of the day.
pub async fn answers_everything(town: &Town) {
    let mut silent = Vec::new();
    for Asked { place, query } in panels().into_iter().chain(rules(&town.prometheus).await) {
        match town.prometheus.query(&query).await {
            Ok(series) if series.is_empty() => silent.push(format!("{place}: {query}")),
            Ok(_) => {}
            Err(error) => silent.push(format!("{place}: {error}")),
        }
    }
    assert!(silent.is_empty(), "these say nothing:\n{}", silent.join("\n"));
}

/// The queries of all panels.
fn panels() -> Vec<Asked> {
    let mut all = Vec::new();
    for file in files() {
        let text = fs::read_to_string(&file).expect("it is committed");
        let dashboard: Value = serde_json::from_str(&text).expect("Grafana's JSON");
        for panel in dashboard["panels"].as_array().expect("panels") {
            let place = format!("{}: {}", dashboard["uid"], panel["title"]);
            for target in panel["targets"].as_array().into_iter().flatten() {
                let query = target["expr"].as_str().expect("a query is text");
                let query =
                    CHOSEN.iter().fold(query.to_owned(), |query, (name, value)| query.replace(name, value));
                all.push(Asked { place: place.clone(), query });
            }
        }
    }
    assert!(all.len() > 50, "the dashboards are there: {}", all.len());
    all
}

fn files() -> Vec<PathBuf> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/grafana/dashboards");
    let entries = fs::read_dir(folder).expect("they are committed");
    entries.map(|entry| entry.expect("it can be read").path()).collect()
}

/// What the rules look at: an alert that is silent must be so because all is well, not because there is nothing to see.
async fn rules(prometheus: &Prometheus) -> Vec<Asked> {
    let selector = Regex::new(r"\b(vigie[a-z_:0-9]*|up)\b(\{[^}]*\})?").expect("a pattern");
    let mut all = Vec::new();
    for rule in prometheus.rules().await {
        assert_eq!(rule["health"], "ok", "{rule}");
        let query = rule["query"].as_str().expect("a query is text");
        let place = format!("rule {}", rule["name"]);
        let found = selector.find_iter(query).map(|found| found.as_str().to_owned());
        all.extend(found.map(|query| Asked { place: place.clone(), query }));
    }
    assert!(all.len() > 30, "the rules are there: {}", all.len());
    all
}

/// What the gateways export is what `vigie list-metrics` says: names, labels, and where they are listed their values.
pub fn is_catalogued(town: &Town) {
    let listed = Command::new(env!("CARGO_BIN_EXE_vigie")).args(["list-metrics", "--json"]).output();
    let listed = listed.expect("the binary was built for this test").stdout;
    let catalogue: Vec<Value> = serde_json::from_slice(&listed).expect("a list");
    let series =
        Regex::new(r"^(vigie_[a-z_]+?)(?:_bucket|_sum|_count)?(?:\{(.*)\})? \S+$").expect("a pattern");
    let label = Regex::new(r#"([a-z_]+)="((?:[^"\\]|\\.)*)""#).expect("a pattern");
    for gateway in &town.gateways {
        for line in gateway.metrics().text.lines().filter(|line| line.starts_with("vigie_")) {
            let parts = series.captures(line).unwrap_or_else(|| panic!("no series: {line}"));
            let known = |metric: &&Value| {
                metric["name"] == parts[1]
                    || line.starts_with(&format!("{} ", metric["name"].as_str().expect("a name")))
            };
            let metric =
                catalogue.iter().find(known).unwrap_or_else(|| panic!("not in the catalogue: {line}"));
            let labels = metric["labels"].as_array().expect("labels");
            let labelled = parts.get(2).map_or("", |labels| labels.as_str());
            for found in label.captures_iter(labelled).filter(|found| &found[1] != "le") {
                let listed = labels.iter().find(|label| label["name"] == found[1]);
                let listed = listed.unwrap_or_else(|| panic!("{} is no label of it: {line}", &found[1]));
                let values = listed["values"].as_array();
                assert!(values.is_none_or(|values| values.iter().any(|value| value == &found[2])), "{line}");
            }
        }
    }
}

/// Draws the day's dashboards into the directory that `VIGIE_PICTURES` names, for people.
pub fn draw(town: &Town) {
    let Some(into) = std::env::var_os("VIGIE_PICTURES") else { return };
    let url = format!("http://{}", town.prometheus.addr());
    let drawn = Command::new(env!("CARGO"))
        .args([
            "run",
            "--quiet",
            "--package",
            "vigie-grafana",
            "--",
            "pictures",
            "--minutes",
            "1",
            "--prometheus",
            &url,
            "--into",
        ])
        .arg(into)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status();
    assert!(drawn.expect("cargo runs this test").success(), "the pictures are drawn");
}
