//! What a gateway says of itself at `/metrics`.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;

use super::http;

/// One scrape: each series, named with its labels as it was exposed, and its value.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// The exposition as it came.
    pub text: String,
    series: BTreeMap<String, f64>,
}

impl Metrics {
    /// Scrapes. Blocks, so that a destructor can do it.
    pub fn scrape(ops: SocketAddr) -> io::Result<Metrics> {
        let request = format!("GET /metrics HTTP/1.0\r\nHost: {ops}\r\nConnection: close\r\n\r\n");
        let answer = http::bytes(ops, &request)?;
        let (head, text) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        if !head.contains(" 200 ") {
            return Err(io::Error::other(format!("the scrape was answered {head}")));
        }
        Ok(Metrics { series: text.lines().filter_map(series).collect(), text: text.to_owned() })
    }

    /// The sum over all series of a metric whose labels contain all of `labels`, such as `state="sent"`.
    pub fn sum(&self, name: &str, labels: &[&str]) -> f64 {
        self.all(name)
            .filter(|(series, _)| labels.iter().all(|label| series.contains(label)))
            .map(|(_, value)| value)
            .sum()
    }

    /// A metric that counts, over all series with these labels.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts are small and not negative"
    )]
    pub fn count(&self, name: &str, labels: &[&str]) -> u64 {
        self.sum(name, labels) as u64
    }

    /// Sends that have no fate yet.
    pub fn undecided(&self) -> u64 {
        self.count("vigie_sends", &["state=\"waiting\""]) + self.count("vigie_sends", &["state=\"claimed\""])
    }

    /// Every brand's gap in the books: none may be anything but zero.
    pub fn gaps(&self) -> Vec<(&str, f64)> {
        self.all("vigie_conservation_gap").filter(|(_, gap)| *gap != 0.0).collect()
    }

    fn all(&self, name: &str) -> impl Iterator<Item = (&str, f64)> {
        let of = |series: &str| series.split('{').next() == Some(name);
        self.series
            .iter()
            .filter(move |(series, _)| of(series))
            .map(|(series, value)| (series.as_str(), *value))
    }
}

/// One line of the exposition format; comments are none.
fn series(line: &str) -> Option<(String, f64)> {
    let (name, value) = line.rsplit_once(' ').filter(|_| !line.starts_with('#'))?;
    Some((name.to_owned(), value.parse().ok()?))
}
