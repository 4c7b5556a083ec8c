//! One line of input: what was seen of a request.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use hyper::Method;
use hyper::header::{HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use serde::Deserialize;

use crate::classify::{Classifier, Evidence};
use crate::model::{Deed, MailAge, RecipientId, SendId, Source, Verdict};

/// What was seen.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Observation {
    agent: Option<String>,
    kind: Option<Source>,
    address: Option<IpAddr>,
    headers: BTreeMap<String, String>,
    method: Option<String>,
    age_s: Option<f64>,
    activated: bool,
    deed: Option<Deed>,
}

impl Observation {
    /// Reads a line: an object if it begins like one, and a user agent otherwise.
    ///
    /// # Errors
    /// What is wrong with the object, in a sentence.
    pub(super) fn read(line: &[u8]) -> Result<Self, String> {
        if !line.trim_ascii_start().starts_with(b"{") {
            return Ok(Self::of_agent(&String::from_utf8_lossy(line)));
        }
        let seen: Self =
            serde_json::from_slice(line).map_err(|error| format!("it is not an observation: {error}"))?;
        seen.head().and_then(|_| seen.asked()).map(|_| seen)
    }

    /// Nothing was seen but this agent.
    pub(super) fn of_agent(agent: &str) -> Self {
        Self { agent: Some(agent.to_owned()), ..Self::default() }
    }

    /// What it is worth.
    pub(super) fn judge(&self, classifier: &Classifier) -> Verdict {
        let source = self.source();
        if let Source::Imap | Source::Webmail | Source::Portal = source {
            let usual = if source == Source::Imap { Deed::Sync } else { Deed::Active };
            return classifier.heard(source, self.deed.unwrap_or(usual), RecipientId([0; 16])).settled();
        }
        let (method, headers) = (self.asked().unwrap_or_default(), self.head().unwrap_or_default());
        let judgement = classifier.judge_alone(&Evidence {
            source,
            method: &method,
            headers: &headers,
            client: self.address,
            recipient: RecipientId([0; 16]),
            about: self.age_s.map(|_| SendId::NONE),
            days: self.age().map(|age| u32::try_from(age.as_secs() / 86_400).unwrap_or(u32::MAX)),
            link: None,
            decoy: false,
            activated: self.activated,
            presence: true,
        });
        judgement.at(self.age_s.map(|_| self.age().map_or(MailAge::HandingOver, MailAge::Since)))
    }

    fn source(&self) -> Source {
        self.kind.unwrap_or(Source::Open)
    }

    /// How old the mail is; none if the clock says that it was not sent yet.
    fn age(&self) -> Option<Duration> {
        Duration::try_from_secs_f64(self.age_s?).ok()
    }

    fn asked(&self) -> Result<Method, String> {
        match &self.method {
            Some(method) => method.parse().map_err(|_| format!("{method:?} is no method")),
            None if self.source() == Source::Beacon => Ok(Method::POST),
            None => Ok(Method::GET),
        }
    }

    fn head(&self) -> Result<HeaderMap, String> {
        let mut headers = HeaderMap::new();
        let agent = self.agent.as_ref().map(|agent| (USER_AGENT.as_str(), agent));
        for (name, value) in self.headers.iter().map(|(name, value)| (name.as_str(), value)).chain(agent) {
            let name =
                HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("{name:?} is no header"))?;
            // What logs show of agents is not always what a header may hold.
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap_or(HeaderValue::from_static("?"));
            headers.insert(name, value);
        }
        Ok(headers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_an_agent_or_an_object() {
        assert_eq!(Observation::read(b"curl/8"), Ok(Observation::of_agent("curl/8")));
        let seen =
            Observation::read(br#"{"kind": "pixel", "agent": "a", "age_s": 12.5, "address": "192.0.2.1"}"#);
        let seen = seen.expect("an observation");
        assert_eq!((seen.source(), seen.age()), (Source::Open, Some(Duration::from_millis(12_500))));
        for bad in ["{", r#"{"agnet": "a"}"#, r#"{"method": "G E T"}"#, r#"{"headers": {"a b": "c"}}"#] {
            assert!(Observation::read(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
