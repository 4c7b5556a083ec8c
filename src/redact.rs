//! What `Debug` and `Display` may show of addresses and secrets: nothing that could be used.
//!
//! Masking is a property of the type, so that a log line, a panic message or a metric label cannot leak by
//! forgetting. Code that needs the real text asks for it by name ([`Mailbox::email`], [`Secret::expose`]).

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

/// A recipient's mailbox: address and, if known, the person's name. Formats as `a***@example.org`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mailbox {
    /// The address as the producer gave it, trimmed.
    email: String,
    /// The person's name for the `To` header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

impl Mailbox {
    /// Wraps an address that was validated before.
    pub fn new(email: String, name: Option<String>) -> Self {
        Self { email, name }
    }

    /// The address itself, for the envelope and the `To` header only.
    pub fn email(&self) -> &str {
        &self.email
    }

    /// The address's domain as DNS has it, which limits and providers go by: in ASCII (`xn--…`), lower case. It says nothing of
    /// the person.
    pub fn domain(&self) -> Option<String> {
        let (_, domain) = self.email.rsplit_once('@')?;
        idna::domain_to_ascii(domain).ok()
    }

    /// The person's name, for the `To` header and templates only.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = self.email.chars().next().unwrap_or('*');
        match self.email.rsplit_once('@') {
            Some((_, domain)) => write!(f, "{first}***@{domain}"),
            None => f.write_str("***"),
        }
    }
}

/// Bytes or text that must never be shown: formats as `***`, and is overwritten when it is not needed any more.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// The secret itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Foreign text (a relay's reply, an error from a server) made fit for logs and histories: at most 200 characters,
/// control characters become spaces, and every word that contains an `@` is replaced by `<address>`.
pub fn foreign(text: &str) -> String {
    let printable: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let words = printable.split_whitespace().map(|word| if word.contains('@') { "<address>" } else { word });
    let mut shown = String::new();
    for word in words {
        if shown.chars().count() + word.chars().count() > 200 {
            shown.push('…');
            break;
        }
        if !shown.is_empty() {
            shown.push(' ');
        }
        shown.push_str(word);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_formats_masked() {
        let mailbox = Mailbox::new("marie.curie@example.org".into(), Some("Marie Curie".into()));
        assert_eq!(format!("{mailbox} {mailbox:?}"), "m***@example.org m***@example.org");
    }

    #[test]
    fn a_secret_formats_as_stars() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "***");
    }

    #[test]
    fn foreign_text_loses_addresses_and_control_characters() {
        let reply = "550 5.1.1 <marie@example.org>: no such\r\nuser\u{1b}[31m";
        assert_eq!(foreign(reply), "550 5.1.1 <address> no such user [31m");
        assert!(foreign(&"word ".repeat(1000)).chars().count() <= 201);
    }
}
