//! A real Prometheus that scrapes gateways and goes by vigie's rules.

use std::net::SocketAddr;

use http_body_util::Full;
use hyper::Request;
use serde_json::{Value, json};

use super::http::ask;
use super::server::{Recipe, Server, Site};

static PROMETHEUS: Recipe = Recipe {
    program: "/usr/bin/prometheus",
    prepare,
    logs: &[],
    greeting_request: "GET /api/v1/status/config HTTP/1.0\r\n\r\n",
};

fn prepare(site: &Site) -> Vec<String> {
    let (name, rules) = (site.name(), concat!(env!("CARGO_MANIFEST_DIR"), "/grafana/prometheus/rules.yml"));
    site.write("targets.json", "[]");
    site.write(
        "prometheus.yml",
        &format!(
            "global: {{ scrape_interval: 1s, evaluation_interval: 1s, external_labels: {{ site: {name} }} }}\n\
             rule_files: [{rules}]\n\
             scrape_configs: [{{ job_name: vigie, file_sd_configs: [{{ files: [targets.json], refresh_interval: 1s }}] }}]\n"
        ),
    );
    vec![
        "--config.file=prometheus.yml".to_owned(),
        "--storage.tsdb.path=data".to_owned(),
        format!("--web.listen-address={}", site.addr),
    ]
}

/// A Prometheus. Dropping it stops it and forgets what it saw.
pub struct Prometheus(Server);

impl Prometheus {
    /// Starts one that scrapes nobody yet.
    pub async fn start() -> Prometheus {
        Prometheus(PROMETHEUS.start().await)
    }

    /// Where it answers.
    pub fn addr(&self) -> SocketAddr {
        self.0.site().addr
    }

    /// From now on it scrapes these.
    pub fn scrapes(&self, targets: &[SocketAddr]) {
        let targets: Vec<_> = targets.iter().map(SocketAddr::to_string).collect();
        self.0.site().write("targets.json", &json!([{ "targets": targets }]).to_string());
    }

    /// What a query says now: the series it brings; an error if it is none.
    pub async fn query(&self, query: &str) -> Result<Vec<Value>, String> {
        let query: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
        let answer = self.get(&format!("/api/v1/query?query={query}")).await;
        match answer["status"].as_str() {
            Some("success") => Ok(answer["data"]["result"].as_array().cloned().unwrap_or_default()),
            _ => Err(answer["error"].to_string()),
        }
    }

    /// All its rules, as it judges them.
    pub async fn rules(&self) -> Vec<Value> {
        let answer = self.get("/api/v1/rules").await;
        let groups = answer["data"]["groups"].as_array().expect("groups of rules").iter();
        groups.flat_map(|group| group["rules"].as_array().expect("rules").clone()).collect()
    }

    async fn get(&self, path: &str) -> Value {
        let request = Request::get(path).body(Full::default()).expect("a valid request");
        ask(self.addr(), request).await.expect("it answers").json()
    }
}
