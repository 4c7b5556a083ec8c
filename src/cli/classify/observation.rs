//! One line of input: what was seen of a request.

use std::collections::BTreeMap;
use std::net::IpAddr;

use hyper::Method;
use serde::Deserialize;

use crate::classify::{Classifier, Evidence};
use crate::model::{Source, Verdict};

/// What was seen. Fields that no rule reads yet are checked all the same, so that files written today stay good.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Observation {
    #[serde(default)]
    agent: Option<String>,
    #[serde(default = "open")]
    kind: Source,
    #[serde(default, rename = "address")]
    _address: Option<IpAddr>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default, rename = "age_s")]
    _age_s: Option<f64>,
}

fn open() -> Source {
    Source::Open
}

impl Observation {
    /// Reads a line: an object if it begins like one, and a user agent otherwise.
    ///
    /// # Errors
    /// What is wrong with the object, in a sentence.
    pub(super) fn read(line: &[u8]) -> Result<Self, String> {
        if line.trim_ascii_start().starts_with(b"{") {
            return serde_json::from_slice(line)
                .map_err(|error| format!("it is not an observation: {error}"));
        }
        let agent = Some(String::from_utf8_lossy(line).into_owned());
        Ok(Self { agent, kind: open(), _address: None, headers: BTreeMap::new(), _age_s: None })
    }

    /// What it is worth.
    pub(super) fn judge(&self, classifier: &Classifier) -> Verdict {
        let method = if self.kind == Source::Beacon { Method::POST } else { Method::GET };
        classifier.judge(&Evidence { source: self.kind, method: &method, agent: self.agent().as_bytes() })
    }

    fn agent(&self) -> &str {
        let header = || self.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("user-agent"));
        self.agent.as_deref().or_else(|| header().map(|(_, value)| value.as_str())).unwrap_or_default()
    }
}
