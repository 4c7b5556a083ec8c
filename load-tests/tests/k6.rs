//! The k6 scripts, as a team that lives in k6 would run them, against the gateway that was just built.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// Where tests/install puts it.
const K6: &str = "/opt/vigie-tests/k6/bin/k6";

/// The operator's key: it lives as long as the test, and only on loopback.
const KEY: &str = "vg_operator_tests_0123456789abcdefghijklmnopqrstuvwxyzABCDE";

/// A gateway on free ports, stopped when dropped.
struct Gateway {
    child: Child,
    edge: String,
    api: String,
    _home: tempfile::TempDir,
}

impl Gateway {
    fn start() -> Gateway {
        let home = tempfile::tempdir().expect("a temporary directory");
        let binary = Path::new(env!("CARGO_BIN_EXE_vigie-load")).with_file_name("vigie");
        let mut child = Command::new(&binary)
            .env("VIGIE__DATA__DIR", home.path())
            .envs(["EDGE", "API", "OPS"].map(|name| (format!("VIGIE__{name}__LISTEN"), "127.0.0.1:0")))
            .env("VIGIE_OPERATOR_KEY", KEY)
            .env("VIGIE__LOG__FILTER", "warn")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}: build the whole workspace", binary.display()));
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let mut address = |name: &str| {
            let line = lines.find_map(|line| line.ok().filter(|line| line.starts_with(name)));
            let line = line.unwrap_or_else(|| panic!("it does not say where its {name} listens"));
            format!("http://{}", line.rsplit(' ').next().unwrap_or_default())
        };
        let (edge, api) = (address("edge"), address("api"));
        Gateway { child, edge, api, _home: home }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a script for two seconds; what k6 says of it in the end. Its thresholds must hold.
fn k6(script: &str) -> Value {
    let gateway = Gateway::start();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let summary = directory.path().join("summary.json");
    let output = Command::new(K6)
        .args(["run", "--quiet", "--no-usage-report", "--summary-export"])
        .arg(&summary)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("k6").join(script))
        .env("HOME", directory.path())
        .envs([("EDGE", gateway.edge.as_str()), ("API", &gateway.api), ("KEY", KEY)])
        .envs([("RATE", "20"), ("DURATION", "2s"), ("PEOPLE", "20")])
        .output()
        .unwrap_or_else(|error| panic!("{K6}: {error}: run tests/install"));
    let (said, wrong) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{script}: {}\n{said}\n{wrong}", output.status);
    let text = std::fs::read_to_string(&summary).expect("k6 wrote its summary");
    serde_json::from_str(&text).expect("k6 writes JSON")
}

/// That a script did something, all of it went well, and how many checks there were for each request at least.
fn holds(script: &str, checks_per_request: f64) {
    let metrics = &k6(script)["metrics"];
    let number = |metric: &str, field: &str| {
        metrics[metric][field].as_f64().unwrap_or_else(|| panic!("{metric}.{field}: {metrics:#}"))
    };
    let requests = number("http_reqs", "count");
    let repeated = metrics["told_to_come_back"]["count"].as_f64().unwrap_or_default();
    assert!(requests >= 10.0, "{metrics:#}");
    assert!(number("http_req_failed", "value").abs() < f64::EPSILON, "{metrics:#}");
    assert!(number("checks", "fails").abs() < f64::EPSILON, "{metrics:#}");
    assert!(number("checks", "passes") >= checks_per_request * (requests - repeated - 1.0), "{metrics:#}");
}

#[test]
fn pixels_are_gifs() {
    holds("pixels.js", 3.0);
}

#[test]
fn links_lead_where_they_were_signed_for() {
    holds("clicks.js", 1.0);
}

#[test]
fn sends_are_taken_and_the_second_time_they_are_the_same() {
    holds("enqueue.js", 1.0);
}
